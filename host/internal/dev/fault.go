package dev

import "slices"

// fault is something that an emulator can do wrong on purpose. The rule is the one that its control interface
// takes.
type fault struct {
	id, title, description string
	rule                   map[string]any
}

// faults are the switches. None of them loses anything by itself: what they break is repeated by the platform or
// known by a receipt.
var faults = []fault{
	{
		"duplicate", "Deliver twice", "Every webhook comes a second time.",
		map[string]any{"on": "webhook", "do": "duplicate"},
	},
	{
		"reorder", "Out of order", "Every third webhook waits until the next one of its chat was taken, half a minute at most.",
		map[string]any{"on": "webhook", "do": "reorder", "every": 3},
	},
	{
		"answer_lost", "Lose our 200", "Every second answer to a webhook gets lost, so it is delivered again.",
		map[string]any{"on": "webhook", "do": "lost", "every": 2},
	},
	{
		"bad_signature", "Bad signature", "Every second webhook is signed wrongly first.",
		map[string]any{"on": "webhook", "do": "bad_signature", "every": 2},
	},
	{
		"delay", "Late webhooks", "Each webhook comes two seconds late.",
		map[string]any{"on": "webhook", "do": "delay", "after": "2s"},
	},
	{
		"api_down", "Platform down", "Every second call that sends is answered with 503.",
		map[string]any{"on": "call", "do": "http", "status": 503, "every": 2},
	},
	{
		"api_slow", "Platform slow", "Each call takes two seconds.",
		map[string]any{"on": "call", "do": "slow", "after": "2s"},
	},
	{
		"api_lost", "Lose its answer", "Every second message is taken, and the connection breaks before the answer.",
		map[string]any{"on": "call", "do": "lost", "every": 2},
	},
}

func faultOf(id string) (fault, bool) {
	i := slices.IndexFunc(faults, func(f fault) bool { return f.id == id })
	if i < 0 {
		return fault{}, false
	}
	return faults[i], true
}
