package chat

import (
	"encoding/json"
	"time"
)

// Run is one call of an agent.
type Run struct {
	// ID is the key of the run; equal when the host repeats it after a crash.
	ID string `json:"run_id"`
	// Agent is the agent's name.
	Agent string `json:"agent"`
	// Conversation is the key of the chat: platform, account, channel and thread.
	Conversation string `json:"conversation"`
	// Message is what to answer; either it or Resume is set.
	Message *Message `json:"message,omitempty"`
	Resume  *Resume  `json:"resume,omitempty"`
	// History has earlier turns with this agent, oldest first.
	History []Turn `json:"history,omitempty"`
	// Deadline is when the host gives up.
	Deadline time.Time `json:"deadline,omitzero"`
	// Command is the bound command that led here, if any.
	Command *Command `json:"command,omitempty"`
	// Vars has values from the configuration, never secrets.
	Vars map[string]string `json:"vars,omitempty"`
}

// Role is who spoke.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAgent Role = "agent"
)

// Turn is one earlier message.
type Turn struct {
	Role Role      `json:"role"`
	Text string    `json:"text"`
	At   time.Time `json:"at,omitzero"`
	Name string    `json:"name,omitempty"` // of the speaker, in a group
}

// Command is a slash command that a trigger binds to an agent.
type Command struct {
	Name        string   `json:"name"` // without the slash
	Args        []string `json:"args,omitempty"`
	Description string   `json:"description,omitempty"`
}

// Event is one event of a run: exactly one field beside Seq is set.
type Event struct {
	Seq        uint32      `json:"seq,omitempty"` // from 1; 0 lets the host number
	Delta      *Delta      `json:"delta,omitempty"`
	Progress   *Progress   `json:"progress,omitempty"`
	ToolCall   *ToolCall   `json:"tool_call,omitempty"`
	ToolResult *ToolResult `json:"tool_result,omitempty"`
	Partial    *Partial    `json:"partial,omitempty"`
	Final      *Final      `json:"final,omitempty"`
	Interrupt  *Interrupt  `json:"interrupt,omitempty"`
	Error      *AgentError `json:"error,omitempty"`
}

// Terminal reports whether a run ends with this event.
func (e Event) Terminal() bool { return e.Final != nil || e.Interrupt != nil || e.Error != nil }

// Delta is text to append to a preview of the answer.
type Delta struct {
	Text string `json:"text"`
}

// Progress is one line on what is being done; it replaces the former one.
type Progress struct {
	Text string `json:"text"`
}

// ToolCall says that a tool is about to run.
type ToolCall struct {
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Args  json.RawMessage `json:"args,omitempty"`
	Class string          `json:"class,omitempty"` // read, sensitive, write, delete or dangerous
}

// ToolResult says that a tool has run.
type ToolResult struct {
	ID      string `json:"id"`
	IsError bool   `json:"is_error,omitempty"`
	Summary string `json:"summary,omitempty"`
}

// Partial is a whole message to send now; the run goes on.
type Partial struct {
	Response Response `json:"response"`
}

// Final is the answer. An empty response means that there is nothing to say.
type Final struct {
	Response Response `json:"response"`
	Usage    *Usage   `json:"usage,omitempty"`
}

// Usage is what a run cost.
type Usage struct {
	Model        string `json:"model,omitempty"`
	InputTokens  uint64 `json:"input_tokens,omitempty"`
	OutputTokens uint64 `json:"output_tokens,omitempty"`
}

// Interrupt ends a run with questions to people; a new run with Resume goes on from it.
type Interrupt struct {
	ID       string             `json:"interrupt_id"`
	Requests []InterruptRequest `json:"requests"`
	State    []byte             `json:"state,omitempty"` // the agent's own, at most 1 MiB
}

// InterruptRequest is one question: Approval or Question is set.
type InterruptRequest struct {
	ID       string    `json:"request_id"`
	Prompt   string    `json:"prompt"`
	TTLSecs  uint32    `json:"ttl_secs,omitempty"` // 0 takes the host's default
	Approval *Approval `json:"approval,omitempty"`
	Question *Question `json:"question,omitempty"`
}

// Approval asks whether a tool call may run.
type Approval struct {
	ToolCallID string          `json:"tool_call_id"`
	Tool       string          `json:"tool"`
	Class      string          `json:"class,omitempty"`
	Argv       []string        `json:"argv,omitempty"`
	Args       json.RawMessage `json:"args,omitempty"`
	Cwd        string          `json:"cwd,omitempty"`
	Digest     string          `json:"digest"` // SHA-256 of the plan, lower-case hex
	Reason     string          `json:"reason,omitempty"`
}

// Question asks the user something.
type Question struct {
	Options  []Action        `json:"options,omitempty"`
	Multiple bool            `json:"multiple,omitempty"`
	FreeText bool            `json:"free_text,omitempty"`
	Schema   json.RawMessage `json:"schema,omitempty"`
}

// AgentError is a failed run.
type AgentError struct {
	Code      string `json:"code"`                // UPPER_SNAKE
	UserText  string `json:"user_text,omitempty"` // the host has a sentence of its own when empty
	Detail    string `json:"detail,omitempty"`    // for log and trace only
	Retryable bool   `json:"retryable,omitempty"`
}

// Resume answers all questions of an interrupt.
type Resume struct {
	InterruptID string   `json:"interrupt_id"`
	State       []byte   `json:"state,omitempty"`
	Answers     []Answer `json:"answers"`
}

// Decision is how a question ended.
type Decision string

// The decisions; the zero value counts as denied.
const (
	DecisionApprove   Decision = "approve"
	DecisionDeny      Decision = "deny"
	DecisionAnswer    Decision = "answer"
	DecisionExpired   Decision = "expired"
	DecisionCancelled Decision = "cancelled"
)

// Answer is the answer to one question.
type Answer struct {
	RequestID string    `json:"request_id"`
	Decision  Decision  `json:"decision"`
	Value     string    `json:"value,omitempty"`
	Actor     *User     `json:"actor,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}
