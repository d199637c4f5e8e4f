// Package runner runs agents. An agent is a program (exec), a web service (http) or a server of aof.agent.v1
// (grpc); a Runner hides which. All of them get the same request, chat.Run, and answer in the same words.
//
// A program gets the request as one JSON document on stdin, a web service as the body of a POST. Both may
// answer in one of three ways:
//
//   - events of aof.agent.v1, one JSON object a line or one a server-sent event, such as
//     {"progress":{"text":"…"}} and at the end {"final":{"response":{"text":"…"}}}
//   - one JSON object with the answer: {"text":"…","status":"warning","actions":[{"id":"…","label":"…"}]}
//   - plain text
//
// Whatever an agent does, a run ends with exactly one terminal event.
package runner
