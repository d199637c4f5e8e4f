#!/bin/sh
# Reports on the machine that it runs on: load, memory, disks and the largest processes. A tap on a button
# comes back as the text "button:<id>". It only reads, and it takes no word of the user's into a command.
set -eu

# One line of JSON in, the text out; only its plain letters are of interest here.
request=$(grep -o '"text":"\([^"\\]\|\\.\)*"' | head -n 1 | cut -d'"' -f4 | tr '[:upper:]' '[:lower:]')

# json turns stdin into the inside of a JSON string.
json() {
  LC_ALL=C awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "  "); gsub(/[\001-\037]/, ""); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'
}

# answer TEXT-FROM-STDIN STATUS
answer() {
  printf '{"text":"%s","status":"%s","actions":[{"id":"load","label":"Load"},{"id":"disks","label":"Disks"},{"id":"processes","label":"Processes"}]}\n' \
    "$(json)" "$1"
}

memory() {
  if [ -r /proc/meminfo ]; then
    awk '/^MemTotal:/ {total=$2} /^MemAvailable:/ {free=$2} END {
      printf "Memory: %.1f of %.1f GiB used (%d %%)\n", (total-free)/1048576, total/1048576, (total-free)*100/total }' /proc/meminfo
  else
    echo "Memory: $(vm_stat 2>/dev/null | head -n 2 | tail -n 1 || echo unknown)"
  fi
}

load() {
  echo "**$(hostname)**, $(uname -sr)"
  echo "Load: $(uptime | sed 's/.*load average[s]*: *//')"
  memory
}

disks() {
  df -Pk 2>/dev/null | awk 'NR > 1 && $1 ~ /^\// && !seen[$1]++ {
    printf "%s: %s used, %.1f of %.1f GiB free\n", $6, $5, $4/1048576, $2/1048576 }'
}

processes() {
  echo "Largest processes (MiB):"
  if command -v ps >/dev/null; then
    ps -A -o rss= -o comm= | sort -rn | head -n 8 | awk '{ size=$1; $1=""; n=split($0, path, "/"); printf "%6d  %s\n", size/1024, path[n] }'
  else # a small container without ps
    for p in /proc/[0-9]*; do
      awk -v name="$(cat "$p/comm" 2>/dev/null)" '{ print $2*4, name }' "$p/statm" 2>/dev/null || true
    done | sort -rn | head -n 8 | awk '{ printf "%6d  %s\n", $1/1024, $2 }'
  fi
}

# status is "warning" when a disk is nearly full.
status() {
  full=$(df -Pk 2>/dev/null | awk 'NR > 1 && $1 ~ /^\// { sub("%", "", $5); if ($5 + 0 >= 90) n++ } END { print n + 0 }')
  if [ "$full" -gt 0 ]; then echo warning; else echo success; fi
}

case $request in
  button:disks | *disk*) disks | answer "$(status)" ;;
  button:processes | *process* | *top*) processes | answer info ;;
  button:load | *load* | *memory*) load | answer info ;;
  *) { load; echo; disks; } | answer "$(status)" ;;
esac
