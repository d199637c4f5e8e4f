// Package ingress takes webhooks: it reads the body, asks the plugin to verify and parse it, appends
// every event to the inbox, and only then answers.
//
//	bad signature            401 (or what the plugin says, if it is a 4xx); nothing is stored
//	good signature           200 once every event is on disk, however odd the content
//	plugin or store down     503, so that the platform delivers again; so too when memory for bodies is short
//	not a usable request     405, 413, 415 or 400, before the plugin is asked
package ingress
