package emulator

import (
	"net/http"
)

// getScenario writes a chat as a scenario file.
func (e *Emulator) getScenario(w http.ResponseWriter, _ *http.Request) {
	problem(w, http.StatusNotImplemented, errNotJSON)
}
