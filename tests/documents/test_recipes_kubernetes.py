"""Kubernetes' objects in `config/recipes`: what they promise, and Kubernetes' own schemas where they are installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load_config
from orchestrator.schedules import Cron
from tests.support.recipes import CONFIG, RECIPES, config_of, objects_in, pod_of

FILES = sorted(RECIPES.glob("kubernetes-*.yaml"))
OBJECTS = {document["kind"]: document for path in FILES for document in objects_in(path)}
CRON_JOB, DEPLOYMENT = OBJECTS["CronJob"]["spec"], OBJECTS["Deployment"]["spec"]
JOB = CRON_JOB["jobTemplate"]["spec"]
EXIT_PROMISED = 3
"""Seconds from a signal to the end of the process."""

needs_schemas = pytest.mark.skipif(find_spec("kubernetes_validate") is None, reason="kubernetes-validate is not here")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def pod_in(path: Path) -> dict[str, Any]:
    (pod,) = [pod for document in objects_in(path) if (pod := pod_of(document)) is not None]
    return pod


@each_file
def test_a_pod_is_nobody_in_particular_and_may_do_nothing(path: Path) -> None:
    pod = pod_in(path)
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert container["resources"].keys() == {"requests", "limits"}
    assert "memory" in container["resources"]["limits"]


@each_file
def test_what_is_written_is_on_a_volume_and_the_journal_is_on_one_that_stays(path: Path) -> None:
    pod = pod_in(path)
    (container,) = pod["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    (claim,) = [each["metadata"]["name"] for each in objects_in(path) if each["kind"] == "PersistentVolumeClaim"]
    journal = volumes[mounts[variables["QOVERY_RESTART_STATE_DIR"]]["name"]]

    assert journal["persistentVolumeClaim"] == {"claimName": claim}
    assert "emptyDir" in volumes[mounts["/tmp"]["name"]]
    assert {mount["name"] for mount in mounts.values()} == volumes.keys()
    assert all(mounts[folder]["readOnly"] for folder in ("/etc/qovery-restart", "/run/secrets/qovery"))
    assert not any("subPath" in mount for mount in mounts.values()), "a file that is mounted so is never read anew"


@each_file
def test_the_token_is_a_file_of_a_secret_that_the_group_may_read_and_nobody_else(path: Path) -> None:
    pod = pod_in(path)
    (container,) = pod["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    (volume,) = [each for each in pod["volumes"] if "secret" in each]
    (folder,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == volume["name"]]

    assert load_config(config_of(container["args"]), environ=variables).token_file == f"{folder}/token"
    assert volume["secret"]["defaultMode"] == 0o440
    assert "QOVERY_API_TOKEN" not in path.read_text(encoding="utf-8")


@each_file
def test_the_files_that_the_comment_creates_are_those_that_the_pod_reads(path: Path) -> None:
    text, pod = path.read_text(encoding="utf-8"), pod_in(path)
    (container,) = pod["containers"]
    folder, _, name = container["args"][1].rpartition("/")
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    (config_map,) = [each["configMap"]["name"] for each in pod["volumes"] if each["name"] == mounted[folder]]

    assert f"kubectl create configmap {config_map} --from-file {name}" in text
    assert "kubectl create secret generic qovery-restart --from-file token" in text
    assert (CONFIG / name).is_file()


@each_file
def test_a_pod_that_has_to_go_has_the_time_that_is_promised_and_is_not_moved_to_save_a_node(path: Path) -> None:
    assert 5 * EXIT_PROMISED <= pod_in(path)["terminationGracePeriodSeconds"] <= 120
    template = JOB["template"] if pod_in(path) == JOB["template"]["spec"] else DEPLOYMENT["template"]
    assert template["metadata"]["annotations"] == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }


def test_a_cron_job_runs_once_and_outlasts_a_window_and_a_run() -> None:
    (container,) = JOB["template"]["spec"]["containers"]
    config = load_config(config_of(container["args"]), environ={})
    assert config.schedule is not None
    assert container["args"][2:] == ["--due"]
    assert (JOB["backoffLimit"], JOB["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert CRON_JOB["concurrencyPolicy"] == "Forbid"
    assert JOB["activeDeadlineSeconds"] > (config.schedule.window or 0) + config.run_strategy().run_deadline


def test_a_cron_job_asks_before_the_night_at_its_time_and_until_its_window_is_over() -> None:
    config = load_config(CONFIG / "unattended.yaml", environ={})
    assert config.schedule is not None
    assert CRON_JOB["timeZone"] == config.schedule.timezone
    minute, hour = (int(field) for field in config.schedule.cron.split()[:2])
    minutes, hours = _minutes_and_hours(CRON_JOB["schedule"])

    assert (minute in minutes, hour in hours) == (True, True)
    assert hour - 1 in hours, "nothing sees the file before the first night"
    assert hours[-1] + 1 >= hour + (config.schedule.window or 0) / 3600
    # A hundred starts that were missed end a CronJob, unless only the last of them count.
    between = 3600 / len(minutes)
    assert 10 < CRON_JOB["startingDeadlineSeconds"] < between
    assert CRON_JOB["successfulJobsHistoryLimit"] >= len(minutes) * len(hours)


def test_the_reader_of_a_cron_jobs_schedule_agrees_with_ours() -> None:
    assert Cron.parse(CRON_JOB["schedule"]).expression == CRON_JOB["schedule"]


def test_a_deployment_is_one_pod_at_a_time_that_stays() -> None:
    (container,) = DEPLOYMENT["template"]["spec"]["containers"]
    assert (DEPLOYMENT["replicas"], DEPLOYMENT["strategy"]) == (1, {"type": "Recreate"})
    assert DEPLOYMENT["selector"]["matchLabels"].items() <= DEPLOYMENT["template"]["metadata"]["labels"].items()
    assert container["args"][2:] == []
    assert "livenessProbe" not in container, "there is nothing to ask that the kubelet does not know"


def test_both_pods_are_alike_but_for_what_they_run() -> None:
    pods = [{**pod, "containers": [dict(pod["containers"][0])]} for pod in map(pod_in, FILES)]
    for pod in pods:
        pod.pop("restartPolicy", None)
        for key in ("args", "resources"):
            del pod["containers"][0][key]
    assert pods[0] == pods[1]


def _minutes_and_hours(cron: str) -> tuple[list[int], list[int]]:
    """Return the minutes and the hours of a cron like `*/15 2-4 * * *`."""
    minute, hour, *days = cron.split()
    assert days == ["*", "*", "*"], "the file says on which days"
    step = int(minute.removeprefix("*/"))
    first, last = map(int, hour.split("-"))
    return list(range(0, 60, step)), list(range(first, last + 1))


def validated(*paths: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "kubernetes_validate", "--strict", *map(str, paths)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@needs_schemas
def test_the_schemas_of_kubernetes_find_nothing_wrong() -> None:
    done = validated(*FILES)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_schemas
def test_the_schemas_of_kubernetes_find_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    text = FILES[0].read_text(encoding="utf-8")
    broken.write_text(text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"), encoding="utf-8")
    assert validated(broken).returncode != 0
