package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aof-dev/aofd/host/internal/store/postgres/pgtest"
)

// cluster is several hosts on one database. Each has the bed's configuration, a data directory and an address.
type cluster struct {
	*bed
	mu    sync.Mutex
	hosts map[string]*process // by address
	made  int
}

// join starts a host and waits until it is ready.
func (c *cluster) join() (address string) {
	c.Helper()
	address = freeAddress(c)
	_, port, _ := net.SplitHostPort(address)
	c.made++
	p := start(c, c.env, "aofd", "serve", "-c", filepath.Join(c.dir, "config.yaml"), "--port", port,
		"--data-dir", filepath.Join(c.dir, fmt.Sprint("data", c.made)))
	eventually(c, "a host", func() error {
		select {
		case <-p.done:
			c.Fatalf("the host ended: %s", p.out)
		default:
		}
		_, err := get("http://" + address + "/ready")
		return err
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[address] = p
	return address
}

// leave stops a host in order, or kills it.
func (c *cluster) leave(address string, how syscall.Signal) {
	c.Helper()
	c.mu.Lock()
	p := c.hosts[address]
	delete(c.hosts, address)
	c.mu.Unlock()
	_ = p.Process.Signal(how)
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		c.Fatalf("a host does not stop: %s", p.out)
	}
}

// any returns the address of a host.
func (c *cluster) any() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := rand.N(len(c.hosts))
	for a := range c.hosts {
		if n == 0 {
			return a
		}
		n--
	}
	return ""
}

// say posts the messages of a user in order, each to any host, and again to another one until one takes it.
func (c *cluster) say(user string, each int) {
	for n := range each {
		hook := textWebhook(fmt.Sprintf("wamid.%s.%d", user, n), user, fmt.Sprintf("m%d", n))
		for {
			code, _, err := post(c.Context(), "http://"+c.any()+"/webhook/whatsapp", hook, "X-Hub-Signature-256", "sha256="+sign(hook, appSecret))
			if err == nil && code == http.StatusOK {
				break
			}
			if c.Context().Err() != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // the platform's pause, shortened
		}
	}
}

// told returns what the phone of a user shows of our answers, in order.
func (c *cluster) told(user string) (out []string) {
	for _, e := range c.chat(user) {
		if e.Direction == "to_user" {
			out = append(out, body(c, e)["text"].(map[string]any)["body"].(string))
		}
	}
	return out
}

// Hosts come and go while messages come in: nothing is lost, answered twice or out of order. A host that is killed
// is replaced, and what it was sending at that moment is unknown at worst.
func TestHostsComeAndGo(t *testing.T) {
	t.Parallel()
	url, schema := pgtest.Schema(t)
	agent := &counter{runs: map[string]int{}}
	b := newBed(t, map[string]string{
		"config.yaml":      loadConfig + "  store: {url: \"" + url + "\", schema: " + schema + "}\n",
		"agents/echo.yaml": agent.agentFile(t),
	})
	b.emulate()
	c := &cluster{bed: b, hosts: map[string]*process{}}
	first, second := c.join(), c.join()

	const users, each = 6, 25
	var talking sync.WaitGroup
	for u := range users {
		talking.Go(func() { c.say(fmt.Sprintf("49151%08d", u), each) })
	}
	third := c.join()               // scale out
	c.leave(first, syscall.SIGTERM) // rolling restart
	first = c.join()
	c.leave(second, syscall.SIGTERM)
	c.join()
	c.leave(third, syscall.SIGTERM) // scale in
	talking.Wait()
	for u := range users {
		user := fmt.Sprintf("49151%08d", u)
		var want []string
		for n := range each {
			want = append(want, fmt.Sprintf("m%d", n))
		}
		eventually(t, "all answers for "+user, func() error {
			if got := strings.Join(c.told(user), " "); got != strings.Join(want, " ") {
				return fmt.Errorf("the phone shows %s", got)
			}
			return nil
		})
	}
	for id, n := range agent.runs {
		if n != 1 {
			t.Logf("%s was handed to the agent %d times", id, n)
		}
	}

	// One host is killed while it works: the other goes on with its conversations.
	const victim = "4915199999999"
	talking.Go(func() { c.say(victim, each) })
	eventually(t, "the first answers", func() error {
		if len(c.told(victim)) < 3 {
			return fmt.Errorf("none yet")
		}
		return nil
	})
	killed := time.Now()
	c.leave(first, syscall.SIGKILL)
	talking.Wait()
	eventually(t, "the last answer", func() error {
		told := c.told(victim)
		if len(told) < each-1 || told[len(told)-1] != fmt.Sprintf("m%d", each-1) { // one was being sent maybe
			return fmt.Errorf("%d answers: %v", len(told), told)
		}
		seen := map[string]bool{}
		for _, text := range told {
			if seen[text] {
				t.Fatalf("%s was sent twice: %v", text, told)
			}
			seen[text] = true
		}
		return nil
	})
	t.Logf("%v after the kill everything was answered", time.Since(killed).Round(100*time.Millisecond))
}

// Two hosts of one deployment have a data directory each.
func TestSharedDataDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	url, schema := pgtest.Schema(t)
	b := newBed(t, map[string]string{
		"config.yaml":      loadConfig + "  store: {url: \"" + url + "\", schema: " + schema + "}\n",
		"agents/echo.yaml": "kind: Agent\nmetadata: {name: echo}\nspec:\n  exec: {command: [cat]}\n",
	})
	b.serve()
	cmd := exec.Command(filepath.Join(bin(t), "aofd"), "serve", "-c", filepath.Join(b.dir, "config.yaml"),
		"--port", strings.Split(freeAddress(t), ":")[1], "--data-dir", filepath.Join(b.dir, "data"))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is used by another aofd") {
		t.Errorf("a second host in the same data directory: %v %s", err, out)
	}
}

// The example starts by one command, any of its hosts takes a webhook, and it leaves no process behind.
func TestClusterExample(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t)
	port, page, data := 0, freeAddress(t), t.TempDir()
	for !free(port) || !free(port+1) || !free(port+2) {
		port = 20000 + rand.N(10000) // below those that the system gives to clients
	}
	run := exec.Command(filepath.Join(root, "examples/cluster/run"), bin(t), data)
	run.Env = append(os.Environ(), fmt.Sprint("AOFD_CLUSTER_PORT=", port), "AOFD_CLUSTER_PAGE="+page)
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := &output{}
	run.Stdout, run.Stderr = out, out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = run.Wait(); close(done) }()
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(60 * time.Second):
			_ = syscall.Kill(-run.Process.Pid, syscall.SIGKILL)
			t.Errorf("the cluster does not stop")
		}
		if err := syscall.Kill(-run.Process.Pid, 0); err == nil {
			t.Error("a process of the cluster is left")
		}
		if t.Failed() {
			t.Logf("it printed:\n%s", out)
		}
	})
	for n := range 3 {
		eventually(t, "the host", func() error {
			select {
			case <-done:
				t.Fatal("the cluster ended")
			default:
			}
			_, err := get(fmt.Sprintf("http://127.0.0.1:%d/ready", port+n))
			return err
		})
	}
	b := &bed{TB: t, emulator: page}
	// The webhooks below do not come from the phone, so nobody has a window there.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "http://"+page+"/_emulator/settings", strings.NewReader(`{"window": "off"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	for n := range 3 {
		b.address = fmt.Sprintf("127.0.0.1:%d", port+n)
		user := fmt.Sprintf("4915112345%d", n)
		if code, answer := b.webhook(textWebhook(fmt.Sprint("wamid.cluster.", n), user, "uptime")); code != http.StatusOK {
			t.Fatalf("host %d: %d %s", n, code, answer)
		}
		b.answers(user, 1)
	}
}

func free(port int) bool {
	if port == 0 {
		return false
	}
	l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
