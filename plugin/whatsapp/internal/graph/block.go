package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
)

// BlockedUser is one of the users of a call that blocks some, or lets them write again.
type BlockedUser struct {
	Input string // as it was given
	Code  int    // why it failed; 0 when it worked or Meta does not say
}

// Block blocks users, or lets them write again. With the error of code 139100 some of them failed and the
// others did not. users are phone numbers or user ids, as the API takes them.
func (c *Client) Block(ctx context.Context, users []BlockUser, unblock bool) (done, failed []BlockedUser, err error) {
	body, err := encode(blockRequest{Product: product, Users: users})
	if err != nil {
		return nil, nil, unwritable(err)
	}
	method := http.MethodPost
	if unblock {
		method = http.MethodDelete
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	a, err := c.call(ctx, method, c.endpoint+"/block_users", jsonType, bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, nil, err
	}
	var lists blockAnswer
	if json.Unmarshal(a.body, &lists) == nil {
		done = append(lists.Lists.Added, lists.Lists.Removed...).users()
		failed = lists.Lists.Failed.users()
	}
	if _, failure := conclude(a, 1, func(blockAnswer) bool { return len(done)+len(failed) > 0 }); failure != nil {
		return done, failed, harmless(failure)
	}
	return done, failed, nil
}

// BlockUser names one user: by phone number or by user id.
type BlockUser struct {
	User   string `json:"user,omitempty"`
	UserID string `json:"user_id,omitempty"`
}

type blockRequest struct {
	Product string      `json:"messaging_product"`
	Users   []BlockUser `json:"block_users"`
}

type blockAnswer struct {
	Lists struct {
		Added   blockList `json:"added_users"`
		Removed blockList `json:"removed_users"`
		Failed  blockList `json:"failed_users"`
	} `json:"block_users"`
}

type blockList []struct {
	Input  Scalar `json:"input"`
	UserID Scalar `json:"user_id"`
	Errors []struct {
		Code Scalar `json:"code"`
	} `json:"errors"`
}

func (l blockList) users() (out []BlockedUser) {
	for _, u := range l {
		b := BlockedUser{Input: first(string(u.Input), string(u.UserID))}
		if len(u.Errors) > 0 {
			b.Code, _ = strconv.Atoi(string(u.Errors[0].Code))
		}
		out = append(out, b)
	}
	return out
}
