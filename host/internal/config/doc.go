// Package config turns what the operator wrote into checked values. It reads one DaemonConfig, the triggers
// and the agents that it leads to, and reports everything that is wrong at once, each finding with its file,
// line and column.
//
// The rules of the package:
//
//   - YAML is read into nodes and never into Go structs: a value keeps its place and its source text, so that
//     a phone number is never a float and no error names a Go type.
//   - A key exists because Reference has a row for it. Defaults, types and suggestions come from that table,
//     and so does the reference in the README.
//   - ${NAME} is expanded in values after parsing, never in the text of a file.
//   - The keys of a platform's block belong to its plugin. They are carried as nodes until Platform.Bind gets
//     the plugin's schema. Their values are never printed, not even in the source line under an error.
package config
