package emulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator"
)

const (
	number  = "/v25.0/106540352242922"
	account = "/v25.0/102290129340398"
)

// get makes a call that must be taken.
func (r rig) get(t *testing.T, path string, header ...string) object {
	t.Helper()
	status, body, _ := r.call(t, "GET", path, "", header...)
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	return into[object](t, body)
}

// refusedWith makes a call that must be refused, with a code.
func (r rig) refusedWith(t *testing.T, code int, method, path, body string, header ...string) {
	t.Helper()
	status, raw, _ := r.call(t, method, path, body, header...)
	if got := into[metaError](t, raw).Error; status < 400 || got.Code != code || got.Message == "" || got.Trace == "" {
		t.Errorf("%s %s %s: %d %s, want code %d", method, path, body, status, raw, code)
	}
}

func TestNumberAndAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	n := r.get(t, number+"?fields=display_phone_number,status,throughput,is_on_biz_app,webhook_configuration")
	if n["id"] != "106540352242922" || n["display_phone_number"] != "+15550783881" || n["status"] != "CONNECTED" || n["verified_name"] != nil ||
		n["throughput"].(object)["level"] != "STANDARD" || n["is_on_biz_app"] != false {
		t.Errorf("%v", n)
	}
	r.control(t, "PATCH", "settings", object{"throughput": 20})
	if n := r.get(t, number+"?fields=is_on_biz_app"); n["is_on_biz_app"] != true {
		t.Errorf("a number that is used on a phone, too: %v", n)
	}
	r.control(t, "PATCH", "settings", object{"throughput": 1000})
	if n := r.get(t, number+"?fields=throughput"); n["throughput"].(object)["level"] != "HIGH" {
		t.Errorf("an upgraded number: %v", n)
	}
	list := r.get(t, account+"/phone_numbers?fields=id,display_phone_number")["data"].([]any)
	if len(list) != 1 || list[0].(object)["id"] != "106540352242922" {
		t.Errorf("%v", list)
	}
	if a := r.get(t, account+"?fields=name"); a["name"] != "Demo Business" {
		t.Errorf("%v", a)
	}
	r.refusedWith(t, 100, "GET", number+"?fields=height", "")
	r.refusedWith(t, 100, "GET", "/v25.0/7", "")
	r.refusedWith(t, 100, "GET", "/v25.0/7/phone_numbers", "")
	r.refusedWith(t, 190, "GET", number, "", "Authorization", "Bearer wrong")
}

func TestSubscribedApps(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	apps := func() []any { t.Helper(); return r.get(t, account+"/subscribed_apps")["data"].([]any) }
	if got := apps(); len(got) != 1 || got[0].(object)["whatsapp_business_api_data"].(object)["id"] != emulator.AppID || got[0].(object)["override_callback_uri"] != nil {
		t.Errorf("%v", got)
	}
	if status, body, _ := r.call(t, "DELETE", account+"/subscribed_apps", ""); status != 200 || len(apps()) != 0 {
		t.Errorf("%d %s, %v", status, body, apps())
	}
	if status, body, _ := r.call(t, "POST", account+"/subscribed_apps", `{"override_callback_uri":"https://x.example/hook","verify_token":"v"}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if got := apps(); len(got) != 1 || got[0].(object)["override_callback_uri"] != "https://x.example/hook" {
		t.Errorf("%v", got)
	}
	if status, body, _ := r.call(t, "POST", account+"/subscribed_apps", ""); status != 200 || apps()[0].(object)["override_callback_uri"] != nil {
		t.Errorf("%d %s", status, body)
	}
	for _, body := range []string{
		`{"override_callback_uri":"https://x.example/hook"}`, `{"verify_token":"v"}`, `{"override_callback_uri":"http://x.example","verify_token":"v"}`,
		`{"override_callback_uri":"https://x.example/` + xs(200) + `","verify_token":"v"}`, `{"callback":"x"}`, `[]`,
	} {
		r.refusedWith(t, 100, "POST", account+"/subscribed_apps", body)
	}
	r.refusedWith(t, 100, "POST", "/v25.0/7/subscribed_apps", "{}")
}

func TestDebugToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	about := func(token string, header ...string) object {
		t.Helper()
		return r.get(t, "/v25.0/debug_token?input_token="+token, header...)["data"].(object)
	}
	d := about("demo-access-token")
	if d["is_valid"] != true || d["expires_at"] != 0.0 || d["app_id"] != emulator.AppID || d["type"] != "SYSTEM_USER" ||
		len(d["scopes"].([]any)) != 3 || d["granular_scopes"].([]any)[0].(object)["target_ids"].([]any)[0] != "102290129340398" {
		t.Errorf("%v", d)
	}
	r.control(t, "POST", "tokens", object{"token": "short", "scopes": []string{"whatsapp_business_messaging"}, "expires_in": "2h"})
	if d := about("short"); d["is_valid"] != true || d["expires_at"].(float64) < float64(time.Now().Unix()) || len(d["scopes"].([]any)) != 2 {
		t.Errorf("%v", d)
	}
	r.control(t, "POST", "clock", object{"advance": "3h"})
	if d := about("short"); d["is_valid"] != false || d["error"] == nil {
		t.Errorf("%v", d)
	}
	if d := about("nobody's", "Authorization", "Bearer "+emulator.AppID+"|demo-app-secret"); d["is_valid"] != false || d["app_id"] != nil {
		t.Errorf("%v", d)
	}
	r.refusedWith(t, 100, "GET", "/v25.0/debug_token", "")
	r.refusedWith(t, 190, "GET", "/v25.0/debug_token?input_token=x", "", "Authorization", "Bearer x")
}

func TestApp(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	own := []string{"Authorization", "Bearer " + emulator.AppID + "|demo-app-secret"}
	hook := r.get(t, "/v25.0/"+emulator.AppID+"/subscriptions", own...)["data"].([]any)[0].(object)
	if hook["object"] != "whatsapp_business_account" || hook["active"] != true || !strings.HasPrefix(hook["callback_url"].(string), "http") || len(hook["fields"].([]any)) < 3 {
		t.Errorf("%v", hook)
	}
	if a := r.get(t, "/v25.0/"+emulator.AppID+"?fields=name", own...); a["name"] == "" {
		t.Errorf("%v", a)
	}
	r.refusedWith(t, 15, "GET", "/v25.0/"+emulator.AppID+"/subscriptions", "")
	r.refusedWith(t, 190, "GET", "/v25.0/"+emulator.AppID+"/subscriptions", "", "Authorization", "Bearer "+emulator.AppID+"|wrong")
	r.refusedWith(t, 190, "GET", "/v25.0/7/subscriptions", "", "Authorization", "Bearer 7|demo-app-secret")
	r.refusedWith(t, 100, "GET", "/v25.0/7/subscriptions", "", own...)
}

func TestBusinessProfile(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	const path = number + "/whatsapp_business_profile"
	if status, body, _ := r.call(t, "POST", path, `{"messaging_product":"whatsapp","about":"Night shift","websites":["https://a.example"],"vertical":"PROF_SERVICES"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body, _ := r.call(t, "POST", path, `{"messaging_product":"whatsapp","email":"ops@a.example"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	p := r.get(t, path+"?fields=about,email,websites,vertical,address")["data"].([]any)[0].(object)
	if p["about"] != "Night shift" || p["email"] != "ops@a.example" || p["vertical"] != "PROF_SERVICES" || p["address"] != nil ||
		p["websites"].([]any)[0] != "https://a.example" || p["messaging_product"] != "whatsapp" {
		t.Errorf("%v", p)
	}
	for _, body := range []string{
		`{"about":"x"}`, `{"messaging_product":"whatsapp","about":""}`, `{"messaging_product":"whatsapp","about":"` + xs(140) + `"}`,
		`{"messaging_product":"whatsapp","description":"` + xs(513) + `"}`, `{"messaging_product":"whatsapp","address":"` + xs(257) + `"}`,
		`{"messaging_product":"whatsapp","email":"` + xs(129) + `"}`, `{"messaging_product":"whatsapp","email":"x"}`,
		`{"messaging_product":"whatsapp","vertical":"BAKERY"}`, `{"messaging_product":"whatsapp","websites":["a","b"]}`,
		`{"messaging_product":"whatsapp","websites":["https://a","https://b","https://c"]}`, `{"messaging_product":"whatsapp","hobby":"x"}`,
	} {
		r.refusedWith(t, 100, "POST", path, body)
	}
	r.refusedWith(t, 100, "GET", path+"?fields=height", "")
	r.refusedWith(t, 100, "POST", path, `{"messaging_product":"whatsapp"}`, "Content-Type", "text/plain")
}

// The date of an answer is that of the emulator's clock, and so is the version that has ended.
func TestDateAndVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t, nowhere(t))
	r.control(t, "POST", "clock", object{"advance": "25h"})
	_, _, h := r.call(t, "GET", "/v18.0/106540352242922", "")
	at, err := http.ParseTime(h.Get("Date"))
	if off := time.Until(at); err != nil || off < 24*time.Hour || h.Get("facebook-api-version") == "v18.0" {
		t.Errorf("%v, %v", h, err)
	}
}
