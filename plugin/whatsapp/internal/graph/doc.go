// Package graph speaks with Meta's Graph API: the bodies that it takes, the calls, and what its errors
// mean. It knows nothing of agents or answers.
package graph
