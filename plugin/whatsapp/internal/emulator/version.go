package emulator

import (
	"strconv"
	"time"
)

// current is the version of calls that name none.
const current = "v26.0"

// ended are the versions that are answered by the oldest that lives.
var ended = []struct {
	version string
	on      time.Time
}{
	{"v18.0", time.Date(2026, 1, 26, 0, 0, 0, 0, time.UTC)},
	{"v19.0", time.Date(2026, 5, 21, 0, 0, 0, 0, time.UTC)},
	{"v20.0", time.Date(2026, 9, 24, 0, 0, 0, 0, time.UTC)},
	{"v21.0", time.Date(2027, 1, 21, 0, 0, 0, 0, time.UTC)},
	{"v22.0", time.Date(2027, 5, 20, 0, 0, 0, 0, time.UTC)},
	{"v23.0", time.Date(2027, 10, 8, 0, 0, 0, 0, time.UTC)},
	{"v24.0", time.Date(2028, 2, 18, 0, 0, 0, 0, time.UTC)},
	{"v25.0", time.Date(2028, 7, 29, 0, 0, 0, 0, time.UTC)},
}

// effective returns the version that answers, as Meta falls forward without a word.
func effective(asked string, now time.Time) string {
	n, _ := strconv.ParseFloat(asked[1:], 64)
	for _, v := range ended {
		if m, _ := strconv.ParseFloat(v.version[1:], 64); now.Before(v.on) {
			if n < m {
				return v.version
			}
			break
		}
	}
	return asked
}
