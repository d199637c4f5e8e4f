package whatsapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/operate"
	"github.com/aof-dev/aofd/sdk/chat"
	"github.com/aof-dev/aofd/sdk/platform"
)

// operated is the configuration for the operator's commands: what the host hands over, or else environment
// variables, so that the commands also work without aofd.
func operated() (operate.Settings, error) {
	raw, given, err := platform.GivenConfig()
	if err != nil {
		return operate.Settings{}, err
	}
	c := fromEnvironment()
	if given {
		c = Config{}
		if err := json.Unmarshal(raw, &c); err != nil {
			return operate.Settings{}, errors.New("the configuration that the host handed over does not fit this plugin")
		}
	}
	var wrong []string
	for _, d := range c.Validate() {
		if d.Severity == chat.SeverityError {
			wrong = append(wrong, d.Summary)
		}
	}
	if len(wrong) > 0 && !given {
		return operate.Settings{}, fmt.Errorf("%s\n  fix: run it as aofd plugin run whatsapp … -c CONFIG, or set %s",
			strings.Join(wrong, "; "), strings.Join(variables, ", "))
	}
	if len(wrong) > 0 {
		return operate.Settings{}, errors.New(strings.Join(wrong, "; "))
	}
	return c.operated(), nil
}

// variables are what the commands read without aofd. The last two may be left out.
var variables = []string{
	"WHATSAPP_PHONE_NUMBER_ID", "WHATSAPP_ACCESS_TOKEN", "WHATSAPP_VERIFY_TOKEN", "WHATSAPP_APP_SECRET",
	"WHATSAPP_BUSINESS_ACCOUNT_ID", "WHATSAPP_API_BASE_URL",
}

func fromEnvironment() Config {
	v := map[string]string{}
	for _, name := range variables {
		v[name] = os.Getenv(name)
	}
	return Config{
		PhoneNumberID: v["WHATSAPP_PHONE_NUMBER_ID"], AccessToken: v["WHATSAPP_ACCESS_TOKEN"],
		VerifyToken: v["WHATSAPP_VERIFY_TOKEN"], AppSecret: v["WHATSAPP_APP_SECRET"],
		BusinessAccountID: v["WHATSAPP_BUSINESS_ACCOUNT_ID"], APIBaseURL: v["WHATSAPP_API_BASE_URL"],
	}
}

// operated is what the operator's commands need.
func (c Config) operated() operate.Settings {
	s := operate.Settings{
		AccountID: c.BusinessAccountID, VerifyTokens: c.verifyTokens(), AppSecrets: c.appSecrets(),
		Version: c.version(), BaseURL: c.baseURL(),
	}
	for _, n := range c.numbers() {
		s.Numbers = append(s.Numbers, operate.Number{ID: n.PhoneNumberID, Token: n.AccessToken, Rate: n.MessagesPerSecond})
	}
	return s
}
