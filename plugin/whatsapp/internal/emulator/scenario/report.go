package scenario

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// Report is how all scenarios went.
type Report struct {
	Passed    int      `json:"passed"`
	Failed    int      `json:"failed"`
	Scenarios []Result `json:"scenarios"`
}

// Add takes the result of one more.
func (r *Report) Add(one Result) {
	if r.Scenarios = append(r.Scenarios, one); one.Failure == nil {
		r.Passed++
	} else {
		r.Failed++
	}
}

// Print writes one result for people.
func (one Result) Print(w io.Writer) {
	if one.Failure == nil {
		fmt.Fprintf(w, "ok    %s (%d steps, %.2fs)\n", one.Name, one.Steps, one.Took)
		return
	}
	fmt.Fprintf(w, "FAIL  %s\n      %s\n", one.Name, one.Failure.in(one.File))
}

// in is the failure with its place.
func (f *Failure) in(file string) string {
	if f.Line == 0 {
		return file + ": " + f.Error
	}
	return fmt.Sprintf("%s:%d: %s: %s", file, f.Line, f.Step, f.Error)
}

// JSON writes the report as one object.
func (r *Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

// JUnit writes the report in the XML that build servers read.
func (r *Report) JUnit(w io.Writer) error {
	s := junitSuite{Name: "scenarios", Tests: len(r.Scenarios), Failures: r.Failed}
	total := 0.0
	for _, one := range r.Scenarios {
		c := junitCase{Name: one.Name, Class: one.File, Time: seconds(one.Took)}
		if one.Failure != nil {
			c.Failure = &junitFailure{one.Failure.Error, one.Failure.in(one.File)}
		}
		total += one.Took
		s.Cases = append(s.Cases, c)
	}
	s.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
