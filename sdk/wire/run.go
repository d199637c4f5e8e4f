package wire

import (
	agentv1 "github.com/aof-dev/aofd/proto/gen/aof/agent/v1"
	"github.com/aof-dev/aofd/sdk/chat"
)

func toRun(r chat.Run) *agentv1.HandleRequest {
	return &agentv1.HandleRequest{
		RunId: r.ID, Agent: r.Agent, Conversation: r.Conversation, Message: maybe(r.Message, toMessage),
		Resume: maybe(r.Resume, toResume), History: each(r.History, toTurn), Deadline: toTime(r.Deadline), Vars: r.Vars,
		Command: maybe(r.Command, func(c chat.Command) *agentv1.Command {
			return &agentv1.Command{Name: c.Name, Args: c.Args, Description: c.Description}
		}),
	}
}

func fromRun(r *agentv1.HandleRequest) chat.Run {
	out := chat.Run{
		ID: r.GetRunId(), Agent: r.GetAgent(), Conversation: r.GetConversation(), History: each(r.GetHistory(), fromTurn),
		Deadline: fromTime(r.GetDeadline()), Vars: r.GetVars(),
	}
	if m := r.GetMessage(); m != nil {
		out.Message = ptr(fromMessage(m))
	}
	if m := r.GetResume(); m != nil {
		out.Resume = ptr(fromResume(m))
	}
	if c := r.GetCommand(); c != nil {
		out.Command = &chat.Command{Name: c.GetName(), Args: c.GetArgs(), Description: c.GetDescription()}
	}
	return out
}

func toTurn(t chat.Turn) *agentv1.Turn {
	return &agentv1.Turn{Role: roles.number[t.Role], Text: t.Text, At: toTime(t.At), Name: t.Name}
}

func fromTurn(t *agentv1.Turn) chat.Turn {
	role := roles.word[t.GetRole()]
	if role == "" {
		role = chat.RoleUser
	}
	return chat.Turn{Role: role, Text: t.GetText(), At: fromTime(t.GetAt()), Name: t.GetName()}
}

func toResume(r chat.Resume) *agentv1.Resume {
	return &agentv1.Resume{
		InterruptId: r.InterruptID, State: r.State, Answers: each(r.Answers, func(a chat.Answer) *agentv1.Answer {
			return &agentv1.Answer{
				RequestId: a.RequestID, Decision: decisions.number[a.Decision], Value: a.Value, Actor: maybe(a.Actor, toUser),
				At: toTime(a.At), Reason: a.Reason,
			}
		}),
	}
}

func fromResume(r *agentv1.Resume) chat.Resume {
	return chat.Resume{
		InterruptID: r.GetInterruptId(), State: r.GetState(), Answers: each(r.GetAnswers(), func(a *agentv1.Answer) chat.Answer {
			out := chat.Answer{
				RequestID: a.GetRequestId(), Decision: decisions.word[a.GetDecision()], Value: a.GetValue(),
				At: fromTime(a.GetAt()), Reason: a.GetReason(),
			}
			if u := a.GetActor(); u != nil {
				out.Actor = ptr(fromUser(u))
			}
			return out
		}),
	}
}

// toEvent returns nil for an event without content.
func toEvent(e chat.Event) *agentv1.HandleResponse {
	out := &agentv1.HandleResponse{Seq: e.Seq}
	switch {
	case e.Delta != nil:
		out.Event = &agentv1.HandleResponse_Delta{Delta: &agentv1.Delta{Text: e.Delta.Text}}
	case e.Progress != nil:
		out.Event = &agentv1.HandleResponse_Progress{Progress: &agentv1.Progress{Text: e.Progress.Text}}
	case e.ToolCall != nil:
		c := e.ToolCall
		out.Event = &agentv1.HandleResponse_ToolCall{ToolCall: &agentv1.ToolCall{
			Id: c.ID, Name: c.Name, ArgsJson: c.Args, Class: c.Class,
		}}
	case e.ToolResult != nil:
		r := e.ToolResult
		out.Event = &agentv1.HandleResponse_ToolResult{ToolResult: &agentv1.ToolResult{
			Id: r.ID, IsError: r.IsError, Summary: r.Summary,
		}}
	case e.Partial != nil:
		out.Event = &agentv1.HandleResponse_Partial{Partial: &agentv1.Partial{Response: toResponse(e.Partial.Response)}}
	case e.Final != nil:
		out.Event = &agentv1.HandleResponse_Final{Final: toFinal(*e.Final)}
	case e.Interrupt != nil:
		out.Event = &agentv1.HandleResponse_Interrupt{Interrupt: toInterrupt(*e.Interrupt)}
	case e.Error != nil:
		x := e.Error
		out.Event = &agentv1.HandleResponse_Error{Error: &agentv1.AgentError{
			Code: x.Code, UserText: x.UserText, Detail: x.Detail, Retryable: x.Retryable,
		}}
	default:
		return nil
	}
	return out
}

// fromEvent gives an event of a later contract as one without content.
func fromEvent(e *agentv1.HandleResponse) chat.Event {
	out := chat.Event{Seq: e.GetSeq()}
	switch k := e.GetEvent().(type) {
	case *agentv1.HandleResponse_Delta:
		out.Delta = &chat.Delta{Text: k.Delta.GetText()}
	case *agentv1.HandleResponse_Progress:
		out.Progress = &chat.Progress{Text: k.Progress.GetText()}
	case *agentv1.HandleResponse_ToolCall:
		c := k.ToolCall
		out.ToolCall = &chat.ToolCall{ID: c.GetId(), Name: c.GetName(), Args: fromJSON(c.GetArgsJson()), Class: c.GetClass()}
	case *agentv1.HandleResponse_ToolResult:
		r := k.ToolResult
		out.ToolResult = &chat.ToolResult{ID: r.GetId(), IsError: r.GetIsError(), Summary: r.GetSummary()}
	case *agentv1.HandleResponse_Partial:
		out.Partial = &chat.Partial{Response: fromResponse(k.Partial.GetResponse())}
	case *agentv1.HandleResponse_Final:
		out.Final = ptr(fromFinal(k.Final))
	case *agentv1.HandleResponse_Interrupt:
		out.Interrupt = ptr(fromInterrupt(k.Interrupt))
	case *agentv1.HandleResponse_Error:
		x := k.Error
		out.Error = &chat.AgentError{
			Code: x.GetCode(), UserText: x.GetUserText(), Detail: x.GetDetail(), Retryable: x.GetRetryable(),
		}
	}
	return out
}

func toFinal(f chat.Final) *agentv1.Final {
	return &agentv1.Final{
		Response: toResponse(f.Response), Usage: maybe(f.Usage, func(u chat.Usage) *agentv1.Usage {
			return &agentv1.Usage{Model: u.Model, InputTokens: u.InputTokens, OutputTokens: u.OutputTokens}
		}),
	}
}

func fromFinal(f *agentv1.Final) chat.Final {
	out := chat.Final{Response: fromResponse(f.GetResponse())}
	if u := f.GetUsage(); u != nil {
		out.Usage = &chat.Usage{Model: u.GetModel(), InputTokens: u.GetInputTokens(), OutputTokens: u.GetOutputTokens()}
	}
	return out
}

func toInterrupt(i chat.Interrupt) *agentv1.Interrupt {
	return &agentv1.Interrupt{InterruptId: i.ID, State: i.State, Requests: each(i.Requests, toInterruptRequest)}
}

func toInterruptRequest(r chat.InterruptRequest) *agentv1.InterruptRequest {
	out := &agentv1.InterruptRequest{RequestId: r.ID, Prompt: r.Prompt, TtlSecs: r.TTLSecs}
	switch {
	case r.Approval != nil:
		a := r.Approval
		out.Ask = &agentv1.InterruptRequest_Approval{Approval: &agentv1.Approval{
			ToolCallId: a.ToolCallID, Tool: a.Tool, Class: a.Class, Argv: a.Argv, ArgsJson: a.Args, Cwd: a.Cwd,
			Digest: a.Digest, Reason: a.Reason,
		}}
	case r.Question != nil:
		q := r.Question
		out.Ask = &agentv1.InterruptRequest_Question{Question: &agentv1.Question{
			Options: each(q.Options, toAction), Multiple: q.Multiple, FreeText: q.FreeText, SchemaJson: q.Schema,
		}}
	}
	return out
}

func fromInterrupt(i *agentv1.Interrupt) chat.Interrupt {
	return chat.Interrupt{
		ID: i.GetInterruptId(), State: i.GetState(), Requests: each(i.GetRequests(), fromInterruptRequest),
	}
}

func fromInterruptRequest(r *agentv1.InterruptRequest) chat.InterruptRequest {
	out := chat.InterruptRequest{ID: r.GetRequestId(), Prompt: r.GetPrompt(), TTLSecs: r.GetTtlSecs()}
	if a := r.GetApproval(); a != nil {
		out.Approval = &chat.Approval{
			ToolCallID: a.GetToolCallId(), Tool: a.GetTool(), Class: a.GetClass(), Argv: a.GetArgv(), Args: fromJSON(a.GetArgsJson()),
			Cwd: a.GetCwd(), Digest: a.GetDigest(), Reason: a.GetReason(),
		}
	}
	if q := r.GetQuestion(); q != nil {
		out.Question = &chat.Question{
			Options: each(q.GetOptions(), fromAction), Multiple: q.GetMultiple(), FreeText: q.GetFreeText(),
			Schema: fromJSON(q.GetSchemaJson()),
		}
	}
	return out
}
