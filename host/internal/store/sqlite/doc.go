// Package sqlite is the store in one file, which one process uses. One goroutine writes; readers have
// connections of their own. What it does is in sqlstore.
package sqlite
