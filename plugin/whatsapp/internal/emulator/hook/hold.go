package hook

import (
	"fmt"
	"time"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/emulator/fault"
)

type batch struct {
	waiting []*delivery
	size    int
	shape   string
}

// mishap applies the faults to what was just submitted; it reports whether one of them holds it back.
func (p *Poster) mishap(d *delivery) (heldBack bool) {
	u := d.updates[0]
	deed := fault.Deed{On: fault.OnWebhook, User: u.User, Type: u.Type, Field: u.Field}
	d.faults = p.config.Faults.Strike(deed, fault.Duplicate, fault.Split, fault.BadSignature, fault.NoSignature,
		fault.Truncated, fault.Huge, fault.Unknown, fault.Lost)
	for _, f := range d.faults {
		d.names = join(d.names, f.Do)
	}
	for _, f := range p.config.Faults.Strike(deed, fault.Delay, fault.Reorder, fault.Batch) {
		d.names = join(d.names, f.Do)
		if !heldBack {
			p.hold(d, f)
		}
		heldBack = true
	}
	return heldBack
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

func (p *Poster) hold(d *delivery, f fault.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parked++
	wait := time.Duration(f.After)
	if wait == 0 {
		wait = patience
	}
	switch f.Do {
	case fault.Delay:
		d.lane = fmt.Sprint("delayed ", d.id) // it holds up nobody
		p.config.Clock.After(time.Duration(f.After), func() { p.release(d) })
	case fault.Reorder:
		lane := d.lane
		p.held[lane] = append(p.held[lane], d)
		p.config.Clock.After(wait, func() {
			if p.unhold(lane, d) {
				p.release(d)
			}
		})
	case fault.Batch:
		p.collect(d, f, wait)
	}
}

// collect puts a delivery into the batch of a fault, which goes out when it is full. The caller holds the
// lock.
func (p *Poster) collect(d *delivery, f fault.Fault, wait time.Duration) {
	b := p.batches[f.ID]
	if b == nil {
		b = &batch{size: max(f.Size, 1), shape: f.Shape}
		if f.Size == 0 {
			b.size = 3
		}
		p.batches[f.ID] = b
		p.config.Clock.After(wait, func() { p.flush(f.ID, b) })
	}
	if b.waiting = append(b.waiting, d); len(b.waiting) >= b.size {
		p.config.Clock.After(0, func() { p.flush(f.ID, b) })
	}
}

// flush sends a batch.
func (p *Poster) flush(id string, b *batch) {
	p.mu.Lock()
	if p.batches[id] != b {
		p.mu.Unlock()
		return
	}
	delete(p.batches, id)
	d := b.waiting[0]
	d.shape = b.shape
	if d.shape == "" {
		d.shape = shapeValue
	}
	for _, o := range b.waiting[1:] {
		d.updates = append(d.updates, o.updates...)
		d.faults = append(d.faults, o.faults...)
	}
	p.parked -= len(b.waiting) - 1
	p.mu.Unlock()
	p.release(d)
}

// unhold takes a delivery from those that wait for the next one; ok is false when it is not there any more.
func (p *Poster) unhold(lane string, d *delivery) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range p.held[lane] {
		if o == d {
			p.held[lane] = append(p.held[lane][:i:i], p.held[lane][i+1:]...)
			return true
		}
	}
	return false
}

// release sends what was held back.
func (p *Poster) release(d *delivery) {
	p.mu.Lock()
	if d.epoch == p.epoch {
		p.parked--
		p.wake()
	}
	p.mu.Unlock()
	p.queue(d, true)
}

// repeat sends the copies that a fault asks for.
func (p *Poster) repeat(d *delivery, body []byte) {
	for _, f := range d.faults {
		if f.Do != fault.Duplicate {
			continue
		}
		for range max(f.Copies, 1) {
			p.config.Clock.After(time.Duration(f.After), func() { p.copy(d, body) })
		}
	}
}

// copy posts the same bytes once more, whatever comes of it.
func (p *Poster) copy(d *delivery, body []byte) {
	p.mu.Lock()
	if p.closed || d.epoch != p.epoch {
		p.mu.Unlock()
		return
	}
	p.begin()
	p.enter(1)
	p.mu.Unlock()
	defer p.end()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if d.epoch == p.epoch {
			p.enter(-1)
		}
	}()
	for _, u := range d.updates {
		call(u.Posted)
	}
	_, a := p.once(&delivery{id: d.id, updates: d.updates, tries: 1, names: fault.Duplicate, copyOf: body})
	p.tell(a)
}
