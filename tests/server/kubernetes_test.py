#!/usr/bin/env python3
"""packaging/kubernetes: that the manifests fit each other, and every option, variable, route, port and metric in them is berth's. usage: kubernetes_test.py BERTH REPOSITORY"""
import json
import pathlib
import re
import sys
import unittest

from harness import REPOSITORY, WEIGHTS, Server, environment, run, temporary_folder

try:
    import yaml
except ImportError:
    print("skipped: there is no module yaml (Debian's python3-yaml)")
    sys.exit(77)

FOLDER = REPOSITORY / "packaging/kubernetes"


def documents():
    by_kind = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            assert document["kind"] not in by_kind, document["kind"]
            by_kind[document["kind"]] = document
    return by_kind


def quantity(text):
    """1.5, "500m", "2Gi" as a number."""
    number, unit = re.fullmatch(r"([0-9.]+)(m|[KMGT]i?)?", str(text)).groups()
    units = {None: 1, "m": 1e-3, **{f"{letter}i": 1024 ** (i + 1) for i, letter in enumerate("KMGT")}, **{letter: 1000 ** (i + 1) for i, letter in enumerate("KMGT")}}
    return float(number) * units[unit]


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = documents()
        cls.pod = cls.all["Deployment"]["spec"]["template"]
        (cls.container,) = cls.pod["spec"]["containers"]
        cls.settings = json.loads(cls.all["ConfigMap"]["data"]["berth.json"])
        cls.options = set(re.findall(r"^\s+(?:-\w,\s?)?--([a-z-]+)", run("serve", "--help").stdout, re.M))

    def test_kinds_and_versions(self):
        self.assertEqual({kind: document["apiVersion"] for kind, document in self.all.items()},
                         {"ConfigMap": "v1", "Service": "v1", "Deployment": "apps/v1", "HorizontalPodAutoscaler": "autoscaling/v2", "PodDisruptionBudget": "policy/v1"})
        for document in self.all.values():
            self.assertEqual(document["metadata"]["name"], "berth")

    def test_they_mean_each_other(self):
        labels = self.pod["metadata"]["labels"]
        for selector in [self.all["Deployment"]["spec"]["selector"]["matchLabels"], self.all["Service"]["spec"]["selector"], self.all["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                         *(each["labelSelector"]["matchLabels"] for each in self.pod["spec"]["topologySpreadConstraints"])]:
            self.assertTrue(selector)
            self.assertLessEqual(selector.items(), labels.items())
        target = self.all["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
        deployment = self.all["Deployment"]
        self.assertEqual(target, {"apiVersion": deployment["apiVersion"], "kind": "Deployment", "name": deployment["metadata"]["name"]})
        self.assertNotIn("replicas", deployment["spec"])  # the autoscaler's
        volumes = {each["name"]: each for each in self.pod["spec"]["volumes"]}
        self.assertEqual({each["name"] for each in self.container["volumeMounts"]}, set(volumes))
        self.assertEqual(volumes["settings"]["configMap"]["name"], self.all["ConfigMap"]["metadata"]["name"])
        mounts = {each["name"]: each["mountPath"] for each in self.container["volumeMounts"]}
        command, option, file = self.container["args"]
        self.assertEqual((command, option), ("serve", "--config"))
        self.assertEqual(pathlib.Path(file).parent, pathlib.Path(mounts["settings"]))
        self.assertIn(pathlib.Path(file).name, self.all["ConfigMap"]["data"])
        for model in self.settings["model"]:
            self.assertTrue(model.split("=")[1].startswith(mounts["models"] + "/"), model)

    def test_ports(self):
        (port,) = self.container["ports"]
        self.assertRegex(run("serve", "--help").stdout, rf"Port; default {port['containerPort']}\b")
        self.assertIn(f"EXPOSE {port['containerPort']}\n", (REPOSITORY / "packaging/Dockerfile").read_text())
        self.assertEqual(self.pod["metadata"]["annotations"]["prometheus.io/port"], str(port["containerPort"]))
        (service,) = self.all["Service"]["spec"]["ports"]
        self.assertEqual(service["targetPort"], port["name"])
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
            self.assertEqual(self.container[probe]["httpGet"]["port"], port["name"])

    def test_options_and_variables(self):
        self.assertGreater(len(self.options), 30)
        for name in self.settings:
            self.assertIn(name, self.options)
        for each in self.container["env"]:
            self.assertTrue(each["name"].startswith("BERTH_"))
            self.assertIn(each["name"][len("BERTH_"):].lower().replace("_", "-"), self.options)
        for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", (FOLDER / "README.md").read_text()):
            self.assertTrue(name in self.options or name in ("berth-models", "retry-after"), name)

    def test_limits_match_the_threads(self):
        resources = self.container["resources"]
        self.assertEqual(resources["requests"], resources["limits"])
        cpus = quantity(resources["limits"]["cpu"])
        self.assertEqual(cpus, int(cpus))
        sources = {each["name"]: each.get("valueFrom", {}).get("resourceFieldRef", {}).get("resource") for each in self.container["env"]}
        self.assertEqual((sources["BERTH_THREADS"], sources["BERTH_MEMORY_LIMIT"]), ("limits.cpu", "limits.memory"))

    def test_time_to_drain(self):
        grace = self.pod["spec"]["terminationGracePeriodSeconds"]
        self.assertGreater(grace, self.settings["drain-delay"] + self.settings["drain-timeout"])
        ready = self.container["readinessProbe"]
        self.assertGreaterEqual(self.settings["drain-delay"], ready["periodSeconds"] * ready["failureThreshold"])

    def test_nobodys_rights(self):
        self.assertTrue(self.pod["spec"]["securityContext"]["runAsNonRoot"])
        user = re.search(r"^USER (\d+):(\d+)$", (REPOSITORY / "packaging/Dockerfile").read_text(), re.M)
        self.assertEqual((str(self.pod["spec"]["securityContext"]["runAsUser"]), str(self.pod["spec"]["securityContext"]["runAsGroup"])), user.groups())
        context = self.container["securityContext"]
        self.assertEqual((context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"], context["capabilities"]), (False, True, {"drop": ["ALL"]}))

    def test_a_server_takes_them(self):
        """The settings and the variables as the kubelet would set them, but for the model and fewer threads; then every probe and metric is asked for."""
        with temporary_folder() as folder:
            file = pathlib.Path(folder) / "berth.json"
            file.write_text(json.dumps({**self.settings, "model": [f"{self.settings['model'][0].split('=')[0]}={WEIGHTS / 'intent'}"], "drain-delay": 1.5}))
            limit = int(quantity(self.container["resources"]["limits"]["memory"]))
            env = environment(BERTH_THREADS="2", BERTH_MEMORY_LIMIT=str(limit), BERTH_API_KEY="one,two", BERTH_HOST="0.0.0.0")
            with Server("--config", file, env=env) as server:
                printed = "\n".join(server.lines)
                self.assertIn(f'"name":"memory-limit","value":"{limit}"', printed)
                for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
                    # The kubelet calls pods by their addresses.
                    self.assertEqual(server.request("GET", self.container[probe]["httpGet"]["path"], headers={"host": "10.1.2.3:3000"}).status, 200)
                names = {name.split("{")[0] for name in server.metrics()}
                for metric in self.all["HorizontalPodAutoscaler"]["spec"]["metrics"]:
                    self.assertIn(metric["pods"]["metric"]["name"], names)
                self.assertEqual(self.pod["metadata"]["annotations"]["prometheus.io/path"], "/metrics")
                self.assertEqual(server.post("/embed", {"inputs": "a"}, {"host": "berth"}).status, 401)
                self.assertEqual(server.post("/embed", {"inputs": "a"}, {"host": "berth", "authorization": "Bearer two"}).status, 200)
                server.process.terminate()
                server.wait_for("stopping")
                ready, live = self.container["readinessProbe"]["httpGet"]["path"], self.container["livenessProbe"]["httpGet"]["path"]
                self.assertEqual((server.request("GET", ready).status, server.request("GET", live).status), (503, 200))
                self.assertEqual(server.post("/embed", {"inputs": "a"}, {"authorization": "Bearer one"}).status, 200)
                self.assertEqual(server.process.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
