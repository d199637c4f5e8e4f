#!/bin/sh
# Looks at a Kubernetes cluster through kubectl, read-only. Where kubectl or a cluster is missing it answers
# with made-up pods and says so, so that one sees what it would be like.
#   show pods         the pods, as a list
#   a row of the list the pod, with buttons
#   a button          its logs, or its events
set -eu

request=$(grep -o '"text":"\([^"\\]\|\\.\)*"' | head -n 1 | cut -d'"' -f4)

json() {
  LC_ALL=C awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "  "); gsub(/[\001-\037]/, ""); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'
}

if command -v kubectl >/dev/null && kubectl version --request-timeout=3s >/dev/null 2>&1; then
  note=
  pods() { kubectl get pods -A --no-headers --request-timeout=10s | awk '{ print $1, $2, $4, $5 }'; }
  pod() { kubectl get pod -n "$1" "$2" -o wide --no-headers --request-timeout=10s; }
  logs() { kubectl logs -n "$1" "$2" --tail=20 --request-timeout=10s; }
  events() { kubectl get events -n "$1" --field-selector "involvedObject.name=$2" --no-headers --request-timeout=10s; }
else
  note='
_Example data: there is no cluster here._'
  pods() {
    echo "shop web-5c9f7 Running 0"
    echo "shop payment-7d4b8 CrashLoopBackOff 14"
    echo "jobs nightly-28731 Completed 0"
  }
  pod() { pods | awk -v p="$2" '$2 == p { print $2, $3, "restarts:", $4 }'; }
  logs() { echo "panic: no connection to the database"; echo "exit status 2"; }
  events() { echo "Warning BackOff restarting failed container"; }
fi

# A tap names a pod as namespace/name. What does not look like that is refused: it ends in a command line.
split() {
  case $1 in
    */*/* | */ | /* | *[!a-z0-9./-]* | -* | */-*) printf '{"text":"This is no pod.","status":"error"}\n'; exit 0 ;;
    */*) namespace=${1%%/*} name=${1#*/} ;;
    *) printf '{"text":"This is no pod.","status":"error"}\n'; exit 0 ;;
  esac
}

case $request in
  list:pod:*)
    split "${request#list:pod:}"
    text=$(pod "$namespace" "$name" | json)
    printf '{"text":"**%s**\\n%s%s","status":"info","actions":[{"id":"logs:%s/%s","label":"View Logs"},{"id":"events:%s/%s","label":"Events"}]}\n' \
      "$name" "$text" "$(printf %s "$note" | json)" "$namespace" "$name" "$namespace" "$name"
    ;;
  button:logs:*)
    split "${request#button:logs:}"
    printf '{"text":"%s"}\n' "$({ echo '```'; logs "$namespace" "$name" 2>&1 | tail -n 20; echo '```'; } | json)"
    ;;
  button:events:*)
    split "${request#button:events:}"
    printf '{"text":"%s","status":"info"}\n' "$({ events "$namespace" "$name" 2>&1 | tail -n 10; } | json)"
    ;;
  *[Pp][Oo][Dd]* | button:show_pods)
    all=$(pods)
    sick=$(printf '%s\n' "$all" | awk '$3 != "Running" && $3 != "Completed" { n++ } END { print n + 0 }')
    if [ "$sick" -gt 0 ]; then status=warning headline="$sick of $(printf '%s\n' "$all" | wc -l | tr -d ' ') pods need a look."
    else status=success headline="All pods are fine."; fi
    # Those in trouble first; a list has ten rows.
    rows=$(printf '%s\n' "$all" | awk '{ print ($3 == "Running" || $3 == "Completed") ? 1 : 0, $0 }' | sort -k1,1 -s | head -n 10 |
      awk '{ printf "%s{\"id\":\"pod:%s/%s\",\"label\":\"%s\",\"description\":\"%s, %s, restarts %s\"}", (NR > 1 ? "," : ""), $2, $3, $3, $2, $4, $5 }')
    printf '{"text":"%s","status":"%s","list_label":"Pods","sections":[{"rows":[%s]}]}\n' \
      "$(printf '%s%s' "$headline" "$note" | json)" "$status" "$rows"
    ;;
  *)
    printf '{"text":"I look at the cluster. Try: show pods","actions":[{"id":"show_pods","label":"Show pods"}]}\n'
    ;;
esac
