package graph

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DefaultVersion is the newest version of the API that this package was written for.
const DefaultVersion = "v26.0"

var versionForm = regexp.MustCompile(`^v\d{1,3}\.\d$`)

// ends has the day on which Meta ends a version, where it is known.
var ends = map[string]string{
	"v18.0": "2026-01-26",
	"v19.0": "2026-05-21",
	"v20.0": "2026-09-24",
	"v21.0": "2027-01-21",
	"v22.0": "2027-05-20",
	"v23.0": "2027-10-08",
	"v24.0": "2028-02-18",
	"v25.0": "2028-07-29",
}

const oldestKnown = 18

// ValidVersion reports whether v is written as Meta writes versions.
func ValidVersion(v string) bool { return versionForm.MatchString(v) }

// VersionEnd returns the day on which a version ended, if it has ended by now. For versions older than all
// known ones the day is that of the oldest known one.
func VersionEnd(v string, now time.Time) (day string, ended bool) {
	day, known := ends[v]
	if !known {
		major, _, _ := strings.Cut(strings.TrimPrefix(v, "v"), ".")
		n, err := strconv.Atoi(major)
		if err != nil || n >= oldestKnown {
			return "", false
		}
		day = ends["v"+strconv.Itoa(oldestKnown)+".0"]
	}
	end, err := time.Parse(time.DateOnly, day)
	return day, err == nil && !now.Before(end)
}
