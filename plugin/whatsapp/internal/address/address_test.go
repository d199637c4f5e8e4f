package address_test

import (
	"testing"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/address"
)

func TestPhone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"+49 170 1234567":     "491701234567",
		"0049-170-1234567":    "491701234567",
		"491701234567":        "491701234567",
		"+1 (415) 555.0123":   "14155550123",
		"+1\u00a0415 5550123": "14155550123",
		"+2908123":            "2908123",
		"123456":              "",
		"+1234567890123456":   "",
		"":                    "",
		"+":                   "",
		"++14155550123":       "",
		"1415555O123":         "",
		"١٤١٥٥٥٥٠١٢٣":         "",
		"US.1234567":          "",
	} {
		got, ok := address.Phone(in)
		if got != want || ok != (want != "") {
			t.Errorf("Phone(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestIsUserID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"DE.90210":       true,
		"DE.ENT.90210":   true,
		"DE.":            false,
		"de.90210":       false,
		"DEU.90210":      false,
		"DE.90210\n":     false,
		"DE.902.10":      false,
		"14155550123":    false,
		"DE.ENT.902-10":  false,
		" DE.90210":      false,
		"DE.ENT90210aBc": true,
	} {
		if got := address.IsUserID(in); got != want {
			t.Errorf("IsUserID(%q) = %v", in, got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]address.Recipient{
		"491701234567":    {Kind: address.KindPhone, ID: "+491701234567"},
		"+49 170 1234567": {Kind: address.KindPhone, ID: "+491701234567"},
		"DE.90210":        {Kind: address.KindUser, ID: "DE.90210"},
		"group:Y2Fw":      {Kind: address.KindGroup, ID: "Y2Fw"},
		"12036@g.us":      {Kind: address.KindGroup, ID: "12036@g.us"},
	} {
		got, err := address.Parse(in)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "group:", "@g.us", "bob", "12"} {
		if got, err := address.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", in, got)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"14155550123": "…0123", "DE.9021077": "DE.…1077", "123": "…", "": "…", "äöüßÄ": "…öüßÄ",
	} {
		if got := address.Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}
