package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The bounds of what one configuration may lead to.
const (
	maxFiles   = 2000
	maxFolders = 16 // depth of recursive folders
)

// files reads the files of agents, or those of triggers.
type files struct {
	*loader
	broken *Diagnostics // where findings in files go that cannot be parsed
	watch  bool         // changes of the folders are to be taken at once
	inline bool         // a list may hold triggers instead of paths
}

// from reads what spec.agents or spec.triggers names: a directory, or a list.
func (l files) from(p place) {
	if p.given() && p.node.Kind == yaml.SequenceNode {
		for _, item := range p.items() {
			if l.inline && item.given() && item.node.Kind == yaml.MappingNode {
				l.readInlineTrigger(item)
			} else if path := item.required(); path != "" {
				l.loadPath(item, path)
			}
		}
		return
	}
	if p.given() && p.node.Kind == yaml.ScalarNode {
		p.errorf("write "+lastKey(p.key)+": {directory: PATH}", "%s must be a mapping with directory, or a list", p.key)
		return
	}
	p.isMapping()
	p.knownKeys()
	dir, recursive := p.child("directory"), p.child("recursive").boolean()
	l.watch = p.child("watch").boolean()
	if p.given() && !dir.given() {
		dir.errorf("", "%s is required", dir.key)
	}
	if path := dir.str(); path != "" {
		if abs, ok := dir.existing(path, true); ok {
			l.loadDir(dir, abs, recursive)
		}
	}
}

func lastKey(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// loadPath reads one entry of a list: a file, or a directory.
func (l files) loadPath(p place, path string) {
	abs, ok := p.existing(path, false)
	if !ok {
		return
	}
	if info, err := os.Stat(abs); err == nil && info.IsDir() {
		l.loadDir(p, abs, false)
		return
	}
	l.loadFile(p, abs)
}

// fromFlag reads a directory that a flag names.
func (l files) fromFlag(flag, path string) {
	p := place{l: l.loader, out: &l.diags, src: &source{}, key: flag}
	abs := l.settings.abs(path)
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		p.errorf("", "%s: there is no directory %s", flag, abs)
		return
	}
	l.loadDir(p, abs, false)
}

// loadDir reads the YAML files of a directory, by name.
func (l files) loadDir(p place, dir string, recursive bool) {
	depth := 0
	if recursive {
		depth = maxFolders
	}
	before := p.out.Errors()
	files := l.list(p, dir, depth, nil, map[string]bool{})
	if len(files) == 0 && p.out.Errors() == before {
		p.warnf("", "%s has no *.yaml and no *.yml files", l.settings.display(dir))
	}
	for _, f := range files {
		l.loadFile(p, f)
	}
}

// list returns the YAML files of a directory. Dot files are skipped, which leaves out what a mounted
// ConfigMap has beside its links. No folder is read twice, whatever links lead to it.
func (l files) list(p place, dir string, depth int, files []string, seen map[string]bool) []string {
	real := realPath(dir)
	if seen[real] {
		return files
	}
	seen[real] = true
	l.cfg.Folders = append(l.cfg.Folders, Folder{Path: dir, Watch: l.watch})
	entries, err := os.ReadDir(dir)
	if err != nil {
		p.errorf("", "the directory %s cannot be read: %v", l.settings.display(dir), plainPathError(err))
		return files
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := os.Stat(path) // follows links
		isFile := slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path))
		switch {
		case err != nil:
			if isFile {
				p.errorf("", "%s cannot be read: %v", l.settings.display(path), plainPathError(err))
			}
		case info.IsDir() && depth > 0:
			files = l.list(p, path, depth-1, files, seen)
		case !info.IsDir() && isFile:
			files = append(files, path)
		}
		if len(files) > maxFiles {
			p.errorf("", "%s has more than %d files", l.settings.display(dir), maxFiles)
			return nil
		}
	}
	return files
}

// loadFile reads a file of agents or triggers, once.
func (l files) loadFile(p place, path string) {
	real := realPath(path)
	if l.read[real] {
		return
	}
	l.read[real] = true
	l.cfg.Files = append(l.cfg.Files, path)
	if len(l.read) > maxFiles {
		p.errorf("", "more than %d files", maxFiles)
		return
	}
	name := l.settings.display(path)
	src, err := readSource(name, path)
	if err != nil {
		*l.broken = append(*l.broken, Diagnostic{Severity: SeverityError, Pos: Pos{File: name}, Text: "the file " + err.Error()})
		return
	}
	docs, diags := parse(src)
	*l.broken = append(*l.broken, diags...)
	for _, d := range docs {
		l.dispatch(d)
	}
}

// existing finds a path that must be there: beside the file that names it, then in the working directory.
func (p place) existing(path string, dir bool) (abs string, ok bool) {
	var found []string
	candidates := p.candidates(path)
	for _, c := range candidates {
		if _, err := os.Stat(c); err == nil {
			found = append(found, c)
		}
	}
	what := "file"
	if dir {
		what = "directory"
	}
	if len(found) == 0 {
		p.errorf("", "%s: there is no %s %s", p.key, what, strings.Join(candidates, " and no "))
		return "", false
	}
	if info, err := os.Stat(found[0]); dir && err == nil && !info.IsDir() {
		p.errorf("", "%s: %s is no directory", p.key, found[0])
		return "", false
	}
	if len(found) > 1 && realPath(found[0]) != realPath(found[1]) {
		p.warnf("write a longer path", "%s: %s is taken; there is a %s too", p.key, found[0], found[1])
	}
	return found[0], true
}

// candidates are the absolute paths that a path of a file may mean, best first.
func (p place) candidates(path string) []string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, ok := p.l.settings.env("HOME"); ok && home != "" {
			path = filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(path) {
		return []string{filepath.Clean(path)}
	}
	out := []string{filepath.Join(p.l.settings.WorkDir, path)}
	if p.src != nil && p.src.path != "" {
		if beside := filepath.Join(p.src.dirOf(), path); beside != out[0] {
			out = slices.Insert(out, 0, beside)
		}
	}
	return out
}

// file returns the absolute path of a file that must be there, or nothing.
func (p place) file() string {
	path := p.str()
	if path == "" {
		return ""
	}
	abs, ok := p.existing(path, false)
	if info, err := os.Stat(abs); ok && err == nil && !info.Mode().IsRegular() {
		p.errorf("", "%s: %s is no regular file", p.key, abs)
		return ""
	}
	return abs
}

// realPath tells two names of one file apart from two files.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}
