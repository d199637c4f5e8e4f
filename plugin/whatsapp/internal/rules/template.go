package rules

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

var (
	templateName  = regexp.MustCompile(`^[a-z0-9_]+$`)
	parameterName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	language      = regexp.MustCompile(`^[a-z]{2,3}(_[A-Za-z0-9]{2,4})*$`)
)

const manyButtons = 10 // of a template

// needsPhone are kinds of buttons that cannot go to a user id.
var needsPhone = map[string]bool{"copy_code": true}

func checkTemplate(m *graph.Message) *refusal {
	t := m.Template
	switch {
	case t == nil || t.Name == "" || t.Language.Code == "":
		return missing("the template needs a name and a language")
	case len(t.Name) > TemplateNameMax || !templateName.MatchString(t.Name):
		return &refusal{codeTemplate, "no template has the name " + strconv.Quote(clip(t.Name)), "a name has small letters, digits and underscores"}
	case !language.MatchString(t.Language.Code):
		return &refusal{codeTemplate, "no template has the language " + strconv.Quote(clip(t.Language.Code)), "languages are written as en or en_US"}
	}
	if len(t.Components) == 0 {
		return nil
	}
	var components []graph.Component
	if json.Unmarshal(t.Components, &components) != nil {
		return shape("the components of the template are not a list of components").because("see README.md for their form")
	}
	return checkComponents(m, components, true)
}

func checkComponents(m *graph.Message, components []graph.Component, whole bool) *refusal {
	seen := unique{what: "the component"}
	for _, c := range components {
		kind := strings.ToLower(c.Type)
		key := kind
		switch kind {
		case "header", "body", "limited_time_offer", "order_status", "tap_target_configuration":
		case "button":
			key += " " + string(c.Index)
			if r := checkTemplateButton(m, c); r != nil {
				return r
			}
		case "carousel":
			if !whole {
				return shape("a card has no carousel in it")
			}
			if r := checkTemplateCards(m, c.Cards); r != nil {
				return r
			}
		default:
			return shape("%.40q is no part of a template", c.Type)
		}
		if r := first(seen.add(key), checkParameters(c)); r != nil {
			return r
		}
	}
	return nil
}

func checkTemplateButton(m *graph.Message, c graph.Component) *refusal {
	n, err := strconv.Atoi(string(c.Index))
	switch {
	case err != nil || n < 0 || n >= manyButtons:
		return value("a button of the template has the index %.20q", string(c.Index)).because("buttons count from 0 to 9")
	case c.SubType == "":
		return missing("a button of the template has no sub_type")
	case m.To == "" && needsPhone[strings.ToLower(c.SubType)]:
		return &refusal{codeUserID, "a button that copies a code cannot go to a user id", ""}
	}
	return nil
}

func checkTemplateCards(m *graph.Message, cards []graph.TemplateCard) *refusal {
	if n := len(cards); n < 1 || n > CardsMax {
		return value("%d cards, 1 to %d are possible", n, CardsMax)
	}
	for n, c := range cards {
		if c.CardIndex != n {
			return value("card %d has the index %d", n+1, c.CardIndex).because("cards count from 0")
		}
		if r := checkComponents(m, c.Components, false); r != nil {
			return r
		}
	}
	return nil
}

// checkParameters wants all parameters of a part with a name or none, and texts of one line.
func checkParameters(c graph.Component) *refusal {
	names := unique{what: "the parameter"}
	named := 0
	length := 0
	for _, p := range c.Parameters {
		if p.ParameterName != "" {
			named++
			if !parameterName.MatchString(p.ParameterName) {
				return value("%.40q is no name of a parameter", p.ParameterName).because("small letters, digits and underscores")
			}
			if r := names.add(p.ParameterName); r != nil {
				return r
			}
		}
		if r := checkParameter(p); r != nil {
			return r
		}
		length += Length(p.Text)
	}
	switch {
	case named > 0 && named < len(c.Parameters):
		return &refusal{132012, "some parameters of the template have a name and some have none", "all or none, as the template was made"}
	case strings.EqualFold(c.Type, "body") && length > TemplateTextMax,
		strings.EqualFold(c.Type, "header") && length > HeaderMax:
		return &refusal{codeHydrated, "the " + strings.ToLower(c.Type) + " of the template is too long with its parameters", ""}
	}
	return nil
}

func checkParameter(p graph.Parameter) *refusal {
	switch p.Type {
	case "text":
		if strings.TrimSpace(p.Text) == "" {
			return missing("a text of the template is empty").because("Meta takes no empty parameter")
		}
		return oneParameter(p.Text)
	case "image":
		return checkMedia(chat.MediaImage, p.Image)
	case "video":
		return checkMedia(chat.MediaVideo, p.Video)
	case "document":
		return checkMedia(chat.MediaDocument, p.Document)
	case "location":
		return checkLocation(p.Location)
	case "currency":
		if p.Currency == nil || p.Currency.FallbackValue == "" || len(p.Currency.Code) != 3 {
			return missing("an amount of money needs a fallback_value and a code of three letters")
		}
	case "date_time":
		if p.DateTime == nil || p.DateTime.FallbackValue == "" {
			return missing("a time needs a fallback_value")
		}
	case "":
		return missing("a parameter of the template has no type")
	}
	return nil
}

// oneParameter says what a template's parameter must not have.
func oneParameter(s string) *refusal {
	if strings.ContainsAny(s, "\n\r\t") || strings.Contains(s, "     ") {
		return &refusal{codeParameter, "a text of the template has line breaks, tabs or more than four spaces in a row", "write it in one line"}
	}
	return nil
}
