"""Values that are rendered in the tests: the default, and each larger choice."""

CLAIM = "gateway.tls.acme.existingClaim=certificates"
VARIANTS = {
    "default": (),
    "namespaced": ("watchNamespaces={team-a,team-b}",),
    "secrets": ("gateway.tls.mode=Secrets", "gateway.tls.secrets={one,two}"),
    "acme": ("gateway.tls.mode=ACME", CLAIM, "gateway.tls.acme.accessMode=ReadWriteMany"),
    "proxies": ("gateway.trustedProxies={10.0.0.0/8}", "gateway.proxyProtocol={10.1.0.0/16}"),
    "hosts": ("allowedHosts.team-a={*.a.test}",),
    "monitored": ("metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true", "metrics.prometheusRule.enabled=true"),
    "policies": ("networkPolicies.enabled=true",),
    "targets": ("scaleTargets[0].apiGroup=example.org", "scaleTargets[0].kind=App", "scaleTargets[0].resource=apps"),
    "without": ("crds.enabled=false", "admissionPolicy.enabled=false", "aggregatedRoles.enabled=false", "restore.enabled=false"),
}
