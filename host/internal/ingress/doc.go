// Package ingress takes webhooks: it reads the body, asks the plugin to verify and parse it, appends
// every event to the inbox, and only then answers.
//
//	bad signature            401 (or what the plugin says, if it is a 4xx); nothing is stored
//	good signature           200 once every event is on disk, however odd the content
//	plugin or store down     503, so that the platform delivers again
package ingress
