#!/usr/bin/env python3
"""Checks what lies in this folder, without a cluster: `tests/run rules metrics` runs it.

    check.py [METRICS]      METRICS: the text of /metrics of a process that runs the whole mesh in one

Manifests against the schemas of Kubernetes, against the rules of this folder's README and against the program: its roles, who calls
whom, its settings; alerts against their runbooks and their
tests; every query of rules and dashboards against promtool, and, with METRICS, against the names that a process really has.
It deploys nothing. Needs PyYAML, kubernetes-validate and, in $PROMTOOL, promtool.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parent
KUBERNETES = "1.34"
# What Prometheus itself makes.
BUILT_IN = {"ALERTS"}
SOURCES = HERE.parent / "services"
# The port on which roles serve each other, and the one of the bus.
GRPC, BUS = 9090, 4222
faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def check_manifests():
    kinds = {}
    for path in sorted((HERE / "base").glob("*.yaml")):
        for document in documents(path):
            if document["kind"] == "Kustomization":
                for resource in document["resources"]:
                    if not (HERE / "base" / resource).exists():
                        fault(path.name, f"{resource} does not exist")
                continue
            try:
                kubernetes_validate.validate(document, KUBERNETES, strict=True)
            except kubernetes_validate.ValidationError as error:
                fault(path.name, f"{document['kind']} {document['metadata']['name']}: {error.message}")
            kinds.setdefault(document["kind"], {})[document["metadata"]["name"]] = document
            if document["kind"] in ("Deployment", "StatefulSet"):
                check_workload(path.name, document)
    labels = [kinds[kind][name]["spec"]["template"]["metadata"]["labels"] for kind in ("Deployment", "StatefulSet") for name in kinds[kind]]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, document in kinds[kind].items():
            selector = document["spec"].get("selector", document["spec"].get("podSelector", {}))
            wanted = selector.get("matchLabels", selector if kind == "Service" else {})
            if not any(wanted.items() <= have.items() for have in labels):
                fault(f"{kind} {name}", "selects no pod")
    for kind in ("Deployment", "StatefulSet"):
        for name in kinds[kind]:
            if name not in kinds["PodDisruptionBudget"] or name not in kinds["NetworkPolicy"]:
                fault(name, "needs a PodDisruptionBudget and a NetworkPolicy of its name")


def check_workload(where, document):
    spec = document["spec"]["template"]["spec"]
    where = f"{where}: {document['kind']} {document['metadata']['name']}"
    expect = lambda good, what: good or fault(where, what)
    expect(spec.get("automountServiceAccountToken") is False, "mounts a token that it does not need")
    expect(spec["securityContext"].get("runAsNonRoot") is True, "may run as root")
    expect(spec["securityContext"].get("seccompProfile", {}).get("type") == "RuntimeDefault", "runs without seccomp")
    expect(spec.get("topologySpreadConstraints"), "may end up in one zone")
    expect(spec.get("terminationGracePeriodSeconds", 30) > 30, "has no time to drain")
    for container in spec["containers"]:
        security, resources = container["securityContext"], container["resources"]
        expect(security.get("readOnlyRootFilesystem") is True, "has a writable root")
        expect(security.get("allowPrivilegeEscalation") is False, "may gain privileges")
        expect(security.get("capabilities", {}).get("drop") == ["ALL"], "keeps capabilities")
        expect(resources["requests"]["memory"] == resources["limits"]["memory"], "memory: the limit is not the request")
        expect("cpu" not in resources["limits"], "has a limit of CPU")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            expect(probe in container, f"has no {probe}")
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            action = container[probe].get("httpGet") or container[probe].get("tcpSocket")
            expect(action["port"] in ports, f"{probe} asks a port that is not there")


def roles():
    """The roles that run apart, and whom each of them calls: as the wiring says."""
    wiring = (SOURCES / "turnout/src/lib.rs").read_text()
    names = set(re.findall(r'Self::\w+ => "([a-z]+)"', wiring)) - {"all"}
    functions = {name: body for name, body in re.findall(r"async fn (\w+)_role\(.*?\{\n(.*?)\n\}\n", wiring, re.DOTALL)}
    return {name: set(re.findall(r'base\.channel\("(\w+)_url"', functions[name])) for name in names}


def settings():
    """The settings of the program, and those of them that are secret: their names in the environment."""
    declared = re.findall(r'\b(setting|secret)\(\s*"(\w+)"', (SOURCES / "platform/src/config/settings.rs").read_text())
    names = {f"TURNOUT_{name.upper()}": kind for kind, name in declared}
    return set(names), {name for name, kind in names.items() if kind == "secret"}


def check_settings():
    known, secrets = settings()
    shared = dict(line.split("=", 1) for line in (HERE / "base/settings.env").read_text().splitlines() if line and not line.startswith("#"))
    kept = documents(HERE / "base/secret.example.yaml")[0]["stringData"]
    by_role = {}
    for path in sorted((HERE / "base").glob("*.yaml")):
        for document in documents(path):
            if document["kind"] == "StatefulSet" and document["metadata"]["name"] == "nats" and str(document["spec"]["replicas"]) != shared.get("TURNOUT_BUS_REPLICAS"):
                fault("settings.env", "TURNOUT_BUS_REPLICAS is not the number of NATS servers")
            if document["kind"] not in ("Deployment", "StatefulSet"):
                continue
            for container in document["spec"]["template"]["spec"]["containers"]:
                if container["image"] == "turnout":
                    by_role[container["args"][0]] = container
    for name in shared.keys() - known:
        fault("settings.env", f"there is no setting {name}")
    for name in shared.keys() & secrets:
        fault("settings.env", f"{name} is secret: take it from the Secret")
    for role, calls in roles().items():
        if role not in by_role:
            fault("base", f"runs no {role}")
            continue
        own = {entry["name"]: entry.get("valueFrom", {}) for entry in by_role[role].get("env", [])}
        for name in own.keys() - known - {"POD_NAME"}:
            fault(role, f"there is no setting {name}")
        for name in own.keys() & secrets:
            if own[name].get("secretKeyRef", {}).get("key") not in kept:
                fault(role, f"{name} is secret, and its key does not stand in secret.example.yaml")
        for other in calls:
            if f"TURNOUT_{other.upper()}_URL" not in shared.keys() | own.keys():
                fault(role, f"does not know where {other} is")
        if role == "notifications" and not {"TURNOUT_SMTP_URL", "TURNOUT_SMS_URL"} <= own.keys():
            fault(role, "has no way to hand messages over")
    compose = yaml.safe_load((HERE / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        environment = service.get("environment", {})
        for unknown in environment.keys() - known:
            fault(f"compose.yaml: {name}", f"there is no setting {unknown}")
        role = (service.get("command") or [""])[0]
        for other in roles().get(role, ()):
            if f"TURNOUT_{other.upper()}_URL" not in environment:
                fault(f"compose.yaml: {name}", f"does not know where {other} is")


def check_network():
    """Policies let through the calls of the wiring and no others, at both ends."""
    ends = {"egress": set(), "ingress": set()}
    for document in documents(HERE / "base/network-policy.yaml"):
        own = document["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component")
        for direction, peers, pair in (("egress", "to", lambda a, b: (a, b)), ("ingress", "from", lambda a, b: (b, a))):
            for rule in document["spec"].get(direction, []):
                for peer in rule.get(peers, []):
                    other = peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/component")
                    for port in rule["ports"] if own and other else []:
                        ends[direction].add((*pair(own, other), port["port"]))
    wanted = {(role, other, GRPC) for role, calls in roles().items() for other in calls} | {(role, "nats", BUS) for role in roles()}
    for direction, allowed in ends.items():
        for caller, other, port in sorted(wanted - allowed):
            fault("network-policy.yaml", f"{caller} calls {other}:{port}, and {direction} does not let it")
        for caller, other, port in sorted(allowed - wanted):
            if caller != other:
                fault("network-policy.yaml", f"{direction} lets {caller} call {other}:{port}, which it never does")


def check_compose():
    compose = yaml.safe_load((HERE / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        for other in service.get("depends_on", {}):
            if other not in compose["services"]:
                fault("compose.yaml", f"{name} depends on {other}, which does not exist")
    for role in roles():
        if not any(service.get("command") == [role] for service in compose["services"].values()):
            fault("compose.yaml", f"runs no {role}")


def check_alerts(rules):
    tests = (HERE / "observability/rules_test.yaml").read_text()
    alerts = [rule for rule in rules if "alert" in rule]
    for rule in alerts:
        name = rule["alert"]
        if rule["labels"].get("severity") not in ("page", "ticket", "none"):
            fault(name, "needs a severity")
        if not rule["annotations"].get("summary"):
            fault(name, "needs a summary")
        if not (HERE.parent / rule["annotations"].get("runbook_url", "none")).is_file():
            fault(name, "needs a runbook_url that names a file")
        checks = [line for line in tests.splitlines() if f'"{name}"' in line]
        if not any("value: 1" in line for line in checks):
            fault(name, "no test shows that it fires")
        if rule["labels"].get("severity") != "none" and not any("exp_samples: []" in line for line in checks):
            fault(name, "no test shows that it stays quiet")
    runbooks = {pathlib.Path(rule["annotations"].get("runbook_url", "")).name for rule in alerts}
    for path in (HERE / "observability/runbooks").glob("*.md"):
        if path.name not in runbooks:
            fault(path.name, "belongs to no alert")


def dashboard_queries():
    for path in sorted((HERE / "observability/dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            if panel["type"] != "row" and not panel.get("description"):
                fault(path.name, f"{panel['title']}: say what the figure means")
            for target in panel.get("targets", []):
                yield f"{path.name}: {panel['title']}", target["expr"]
        for annotation in dashboard["annotations"]["list"]:
            yield f"{path.name}: {annotation['name']}", annotation["expr"]


def check_queries(queries):
    """All in one file of rules, whose line numbers say which query is wrong."""
    rules = [{"record": f"check:{at}", "expr": expr.replace("$__rate_interval", "1m")} for at, (_, expr) in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"groups": [{"name": "check", "rules": rules}]}, file)
        file.flush()
        done = subprocess.run([os.environ.get("PROMTOOL", "promtool"), "check", "rules", file.name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        for at, message in re.findall(r'check:(\d+)"?.*?(?:could not parse expression: )(.*)', done.stdout + done.stderr):
            fault(queries[int(at)][0], message)
        if not faults:
            fault("queries", done.stdout + done.stderr)


def check_names(queries, records, metrics):
    """Does a process have every metric that a query names? The text is OpenMetrics: a counter's samples end with _total.

    A metric with labels shows up when it is first used, so it may also be one that the sources register.
    """
    known = set(records) | BUILT_IN
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", metrics, re.MULTILINE):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "info": ["_info"]}.get(kind, [""])
        known.update(name + suffix for suffix in suffixes)
    sources = "".join(path.read_text() for folder in ("services", "gateway") for path in (HERE.parent / folder).rglob("*.rs"))

    def registered(name):
        base = re.sub(r"_(total|bucket|count|sum|info)$", "", name)
        prefixed = re.fullmatch(r"(turnout_[a-z]+)_(.*)", base)
        return f'"{base}"' in sources or prefixed and f'prefix("{prefixed[1]}")' in sources and f'"{prefixed[2]}"' in sources

    missing = {}
    for where, expr in queries:
        bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without)\s*\([^)]*\)', "", expr)
        for name in set(re.findall(r"\b(?:turnout[a-z0-9_:]*|process_[a-z_]+|ALERTS)\b", bare)) - known:
            if not registered(name):
                missing.setdefault(f"no process has a metric {name}", where)
        for name, bound in re.findall(r'(\w+_bucket)\{[^}]*\ble="([^"]+)"', expr):
            if name in known and not re.search(rf'^{name}\{{[^}}]*le="{re.escape(bound)}"', metrics, re.MULTILINE):
                missing.setdefault(f'{name} has no bucket le="{bound}"', where)
    for what, where in missing.items():
        fault(where, what)


def main():
    check_manifests()
    check_settings()
    check_network()
    check_compose()
    groups = yaml.safe_load((HERE / "observability/rules.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    check_alerts(rules)
    queries = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules] + list(dashboard_queries())
    check_queries(queries)
    if len(sys.argv) > 1:
        check_names(queries, [rule["record"] for rule in rules if "record" in rule], pathlib.Path(sys.argv[1]).read_text())
    print(f"k8s: {len(rules)} rules, {len(queries)} queries, {len(list((HERE / 'base').glob('*.yaml')))} manifests: {len(faults)} faults")
    for line in faults:
        print(f"  {line}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
