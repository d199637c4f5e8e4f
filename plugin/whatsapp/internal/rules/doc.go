// Package rules has what Meta refuses, as data and as checks: a message that Meta would refuse is refused
// before it leaves, with Meta's code, the same meaning and a hint.
//
// Where Meta's own pages disagree or say nothing, the stricter reading is taken for what this program writes
// itself. Whatever Meta may have added since is left to Meta: unknown types pass.
package rules
