package clock_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/clock"
)

func TestRunsLikeAnyOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Close()
		var mu sync.Mutex // what is due runs on goroutines of its own
		var order []string
		note := func(word string) func() {
			return func() {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, word)
			}
		}
		began := c.Now()
		c.After(2*time.Second, note("second"))
		c.After(time.Second, note("first"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := c.Now().Sub(began); got != 3*time.Second || !slices.Equal(order, []string{"first", "second"}) {
			t.Errorf("%v %v", got, order)
		}
	})
}

func TestAdvanceRunsWhatIsDueAtItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Close()
		began := c.Now()
		var mu sync.Mutex
		var at []time.Duration
		note := func() {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, c.Now().Sub(began))
		}
		c.After(48*time.Hour, note)
		c.After(time.Hour, func() {
			note()
			c.After(time.Hour, note) // due within the same step
		})
		fired, err := c.Advance(t.Context(), 25*time.Hour, nothing)
		if want := []time.Duration{time.Hour, 2 * time.Hour}; err != nil || fired != 2 || !slices.Equal(at, want) {
			t.Errorf("%d %v %v", fired, at, err)
		}
		if got := c.Now().Sub(began); got != 25*time.Hour || c.Ahead() != got {
			t.Errorf("it is %v later, %v ahead", got, c.Ahead())
		}
		time.Sleep(23 * time.Hour) // what is left comes by itself
		synctest.Wait()
		if len(at) != 3 {
			t.Errorf("%v", at)
		}
	})
}

// nothing waits for nothing.
func nothing(context.Context) {}

func TestReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Close()
		c.After(time.Hour, func() { t.Error("it was forgotten") })
		if _, err := c.Advance(t.Context(), time.Minute, nothing); err != nil {
			t.Fatal(err)
		}
		c.Reset()
		time.Sleep(2 * time.Hour)
		if c.Ahead() != 0 {
			t.Errorf("%v ahead", c.Ahead())
		}
	})
}

func TestCloseWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		done := false
		c.After(0, func() {
			time.Sleep(time.Second)
			done = true
		})
		time.Sleep(time.Millisecond)
		c.Close()
		if !done {
			t.Error("it still runs")
		}
		c.After(0, func() { t.Error("the clock is closed") })
	})
}
