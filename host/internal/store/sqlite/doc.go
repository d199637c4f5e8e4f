// Package sqlite is the store in one file of this process. One goroutine writes; what many callers want
// stored at the same time shares one transaction and so one fsync. Readers have connections of their own.
package sqlite
