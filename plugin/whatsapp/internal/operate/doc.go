// Package operate is what an operator does with a WhatsApp account beside chatting: find out why nothing arrives,
// subscribe the app, look at templates, change the profile, and put up or get files. Each is a subcommand of the
// plugin's binary, which gets the platform's configuration from the host.
//
// doctor reads and changes nothing at Meta. It posts two requests to the webhook, one of which is refused, and the
// other is a notice that says who made it.
package operate
