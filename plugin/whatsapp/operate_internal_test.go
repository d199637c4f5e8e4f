package whatsapp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/operate"
)

// Without the host, the operator's commands take their configuration from variables. Not parallel, since it sets
// them.
func TestConfigurationFromVariables(t *testing.T) {
	for _, name := range variables {
		t.Setenv(name, "")
	}
	_, err := operated()
	for _, want := range []string{"access_token is empty", "aofd plugin run whatsapp", "WHATSAPP_APP_SECRET"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	for name, value := range map[string]string{
		"WHATSAPP_PHONE_NUMBER_ID": "42", "WHATSAPP_ACCESS_TOKEN": "t", "WHATSAPP_VERIFY_TOKEN": "v", "WHATSAPP_APP_SECRET": "s",
		"WHATSAPP_BUSINESS_ACCOUNT_ID": "7",
	} {
		t.Setenv(name, value)
	}
	got, err := operated()
	want := operate.Settings{
		Numbers: []operate.Number{{ID: "42", Token: "t", Rate: 80}}, AccountID: "7", VerifyTokens: []string{"v"},
		AppSecrets: []string{"s"}, Version: "v26.0", BaseURL: DefaultAPIBaseURL,
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}
