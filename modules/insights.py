"""Security Hub insights: the open findings of one pipeline, by severity."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import ITerraformDependable, TerraformStack
from cdktf_cdktf_provider_aws.securityhub_insight import (
    SecurityhubInsight,
    SecurityhubInsightFilters,
    SecurityhubInsightFiltersProductFields,
    SecurityhubInsightFiltersRecordState,
    SecurityhubInsightFiltersWorkflowStatus,
)

from modules.account import Account

# The field by which the findings importer says whose a finding is (lambdas/findings_importer/findings/asff.py).
PIPELINE_FIELD = "devsecops/pipeline"


def make_insights(
    scope: TerraformStack, *, account: Account, pipelines: Sequence[str], after: Sequence[ITerraformDependable] = ()
) -> None:
    """One for each pipeline. Open is what is neither archived, nor resolved or suppressed by an analyst or a waiver.

    Values of one field are alternatives, fields add up:
    https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFindingFilters.html
    A finding has no field for the project, so of two projects with a pipeline of the same name each shows both.
    """
    for name in pipelines:
        SecurityhubInsight(
            scope,
            f"insight_{name}",
            name=f"{account.names.project} {name}: open findings by severity",
            group_by_attribute="SeverityLabel",
            filters=SecurityhubInsightFilters(
                product_fields=[
                    SecurityhubInsightFiltersProductFields(comparison="EQUALS", key=PIPELINE_FIELD, value=name)
                ],
                record_state=[SecurityhubInsightFiltersRecordState(comparison="EQUALS", value="ACTIVE")],
                workflow_status=[
                    SecurityhubInsightFiltersWorkflowStatus(comparison="EQUALS", value=status)
                    for status in ("NEW", "NOTIFIED")
                ],
            ),
            depends_on=list(after) or None,
        )
