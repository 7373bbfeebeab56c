"""What exists in a simulated world, in the API's JSON: organizations, projects, environments, services, stages, rules.

It contains what the published schemas require and what name resolution needs, and little more.
"""

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.simulator.dials import changed
from orchestrator.simulator.model import DatabaseMode, Environment, Kind, Organization, Project, Service, Snapshot
from orchestrator.simulator.world import World

Json = dict[str, Any]

CREATED_AT = "2025-03-01T09:00:00Z"
"""Everything in a simulated world has the same creation date."""


def organizations(world: World) -> Json:
    """Render every organization."""
    return _results(
        {**_base(organization.id), "name": organization.name, "plan": "TEAM"}
        for organization in world.organizations.values()
    )


def projects(world: World, organization: Organization) -> Json:
    """Render the projects of an organization."""
    return _results(
        {
            **_base(project.id),
            "name": project.name,
            "description": "",
            "organization": {"id": organization.id},
            "associated_environments_count": len(environments_of(world, project)),
        }
        for project in world.projects.values()
        if project.organization_id == organization.id
    )


def environments_of(world: World, project: Project) -> list[Environment]:
    """Return the environments of a project."""
    return [environment for environment in world.environments.values() if environment.project.id == project.id]


def project_environments(world: World, project: Project) -> Json:
    """Render the environments of a project."""
    return _results(environment(one) for one in environments_of(world, project))


def organization_environments(world: World, organization: Organization) -> Json:
    """Render the environments of an organization."""
    return _results(environment(one) for one in world.environments.values() if one.organization.id == organization.id)


def environment(environment: Environment) -> Json:
    """Render an environment."""
    return {
        **_base(environment.id),
        "name": environment.name,
        "mode": environment.mode,
        "cluster_id": environment.cluster_id,
        "cluster_name": "simulated",
        "cloud_provider": {"provider": "AWS", "cluster": "simulated"},
        "project": {"id": environment.project.id, "name": environment.project.name},
        "organization": {"id": environment.organization.id, "name": environment.organization.name},
    }


def services(snapshot: Snapshot) -> Json:
    """Render the services of an environment, each in the shape of its kind."""
    return _results(_service(snapshot.environment, status.service) for status in snapshot.services)


def organization_services(
    world: World, organization: Organization, *, project_id: str | None, environment_id: str | None
) -> Json:
    """Render the services of an organization in short form, optionally only those of one project or environment."""
    chosen = [
        one
        for one in world.environments.values()
        if one.organization.id == organization.id
        and project_id in (None, one.project.id)
        and environment_id in (None, one.id)
    ]
    return _results(_light_service(one, status.service) for one in chosen for status in world.snapshot(one.id).services)


def deployment_stages(snapshot: Snapshot) -> Json:
    """Render the stages of an environment, with their services."""
    return _results(
        {
            **_base(stage.id),
            "environment": {"id": snapshot.environment.id},
            "name": stage.name,
            "description": "",
            "deployment_order": order,
            "services": [
                {
                    **_base(status.service.id),
                    "service_id": status.service.id,
                    "service_type": status.service.kind,
                    "is_skipped": False,
                }
                for status in snapshot.services
                if status.service.kind in stage.kinds
            ],
        }
        for order, stage in enumerate(snapshot.environment.stages, start=1)
    )


def deployment_rule(environment: Environment) -> Json:
    """Render the rule by which an environment is stopped outside its hours."""
    rule = environment.auto_stop
    return {
        **_base(environment.id),
        "auto_stop": rule.enabled,
        "auto_preview": False,
        "on_demand_preview": False,
        "timezone": rule.timezone,
        # The API returns times of day as instants; only their hours and minutes count.
        "start_time": f"1970-01-01T{rule.start_hour:02}:00:00Z",
        "stop_time": f"1970-01-01T{rule.stop_hour:02}:00:00Z",
        "weekdays": list(rule.weekdays),
    }


def description(world: World) -> Json:
    """Render the world, for users who want to point a client at it."""
    return {
        "seed": world.seed,
        "epoch": world.epoch.isoformat(),
        "now": world.now,
        "world": changed(world.dials),
        "environments": [
            {
                "id": one.id,
                "path": f"{one.organization.name}/{one.project.name}/{one.name}",
                "organization_id": one.organization.id,
                "project_id": one.project.id,
                "services": [
                    {
                        "id": status.service.id,
                        "name": status.service.name,
                        "type": status.service.kind,
                        "can_restart": status.service.can_restart,
                    }
                    for status in world.snapshot(one.id).services
                ],
            }
            for one in world.environments.values()
        ],
    }


def icon_of(service: Service) -> str:
    """Return the address of a service's icon."""
    return f"app://qovery-console/{service.kind.lower()}"


def _results(items: Iterable[Json]) -> Json:
    return {"results": list(items)}


def _base(identifier: str) -> Json:
    return {"id": identifier, "created_at": CREATED_AT, "updated_at": CREATED_AT}


def _light_service(environment: Environment, service: Service) -> Json:
    light = {
        "id": service.id,
        "name": service.name,
        "description": "",
        "icon_uri": icon_of(service),
        "service_type": service.kind,
        "project_id": environment.project.id,
        "project_name": environment.project.name,
        "environment_id": environment.id,
        "environment_name": environment.name,
        "cluster_id": environment.cluster_id,
    }
    return {**light, "job_type": "CRON"} if service.kind is Kind.JOB else light


def _service(environment: Environment, service: Service) -> Json:
    return {
        **_base(service.id),
        "name": service.name,
        "description": "",
        "environment": {"id": environment.id},
        "icon_uri": icon_of(service),
        "service_type": service.kind,
        **_SHAPES[service.kind](service),
    }


def _resources() -> Json:
    return {
        "cpu": 250,
        "memory": 256,
        "gpu": 0,
        "maximum_cpu": 16000,
        "maximum_memory": 32768,
        "maximum_gpu": 0,
        "healthchecks": {},
        "auto_preview": False,
        "auto_deploy": False,
    }


def _image(service: Service) -> Json:
    registry = {
        "id": "5a4c2d0e-0000-4000-8000-000000000001",
        "name": "simulated",
        "url": "https://images.example.com",
        "kind": "GENERIC_CR",
    }
    return {"image_name": service.name, "tag": "1.0.0", "registry_id": registry["id"], "registry": registry}


def _application(_: Service) -> Json:
    return {**_resources(), "build_mode": "DOCKER", "min_running_instances": 1, "max_running_instances": 2}


def _container(service: Service) -> Json:
    return {**_resources(), **_image(service), "min_running_instances": 1, "max_running_instances": 2}


def _database(service: Service) -> Json:
    in_cluster = service.database_mode is DatabaseMode.CONTAINER
    kind, version = ("REDIS", "7") if in_cluster else ("POSTGRESQL", "16")
    return {
        "type": kind,
        "version": version,
        "mode": service.database_mode,
        "accessibility": "PRIVATE",
        "cpu": 250,
        "memory": 256,
        "storage": 10,
        "disk_encrypted": True,
    }


def _job(service: Service) -> Json:
    return {
        **_resources(),
        "job_type": "CRON",
        "max_nb_restart": 0,
        "max_duration_seconds": 300,
        "source": {"image": _image(service)},
        "schedule": {"cronjob": {"timezone": "Etc/UTC", "scheduled_at": "15 2 * * *"}},
    }


def _helm(service: Service) -> Json:
    repository = {
        "id": "5a4c2d0e-0000-4000-8000-000000000002",
        "name": "simulated",
        "url": "https://charts.example.com",
    }
    return {
        "timeout_sec": 600,
        "auto_preview": False,
        "auto_deploy": False,
        "ports": [],
        "source": {"repository": {"chart_name": service.name, "chart_version": "1.0.0", "repository": repository}},
        "arguments": [],
        "allow_cluster_wide_resources": False,
        "values_override": {},
    }


def _terraform(_: Service) -> Json:
    return {
        "timeout_sec": 600,
        "auto_deploy": False,
        "terraform_variables_source": {"tf_vars": [], "tf_var_file_paths": []},
        "engine": "TERRAFORM",
        "backend": {"kubernetes": {}},
        "provider_version": {"read_from_terraform_block": True, "explicit_version": "1.9.0"},
        "job_resources": {"cpu_milli": 250, "ram_mib": 256, "gpu": 0, "storage_gib": 1},
        "use_cluster_credentials": False,
        "action_extra_arguments": {},
    }


_SHAPES: dict[Kind, Callable[[Service], Json]] = {
    Kind.APPLICATION: _application,
    Kind.CONTAINER: _container,
    Kind.DATABASE: _database,
    Kind.JOB: _job,
    Kind.HELM: _helm,
    Kind.TERRAFORM: _terraform,
}
