// Package catalog finds plugins, starts them, supervises them and stops them. It is the only room of the host
// that knows go-plugin.
//
// A plugin is a file aof-platform-<id> or aof-agent-<id> in one of the plugin folders. What runs is a private
// copy of it, so that the file may be replaced at any time. A plugin that dies is started again with backoff;
// after five deaths in ten minutes it is quarantined and tried only now and then. Every call has a deadline.
//
//	starting ─▶ ready ⇄ backoff ─▶ quarantined        stopped
package catalog
