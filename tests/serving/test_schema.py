"""Generated requests: whatever is sent, the answer is one that the schema promises."""

import pytest
from served import encoded, loaded, make_photo

from fashion_tf.serving import Limits, running

pytestmark = pytest.mark.slow  # a service is started, and asked over HTTP

STATES, MODELS = ["/livez", "/readyz", "/v1/models"], ["/v1/classify", "/v1/parse", "/v1/similar", "/v1/describe"]
POSTED = [*MODELS, "/v1/stylize"]  # which can be asked for what it cannot do: no garment, no colour of that name
PHOTO = encoded(make_photo())


@pytest.fixture(scope="module")
def schema():
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    with running(loaded(), Limits(body_bytes=1 << 20, drain_seconds=0.2)) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


def attempts(schema, path, mode, changed=None):
    """The statuses that generated requests got; each answer was checked against the schema."""
    from hypothesis import HealthCheck, given, settings
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    operation, found = next(iter(schema[path].values())), []

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=GenerationMode[mode]))
    def attempt(case):
        if changed:
            changed(case)
        # Random bytes are a file for the schema, and no photo for the service.
        unchecked = [positive_data_acceptance, negative_data_rejection] if changed else [positive_data_acceptance]
        found.append(case.call_and_validate(excluded_checks=unchecked, timeout=20).status_code)

    attempt()
    return found


def test_every_path_of_the_schema_is_tried(schema):
    assert sorted(operation.ok().path for operation in schema.get_all_operations()) == sorted(STATES + POSTED)


@pytest.mark.slow
@pytest.mark.parametrize("path, mode", [*((path, "POSITIVE") for path in STATES + POSTED),
                                        *((path, "NEGATIVE") for path in POSTED)])
def test_every_answer_is_one_that_the_schema_promises(schema, path, mode):
    assert max(attempts(schema, path, mode)) < 500


@pytest.mark.parametrize("path", MODELS)
def test_photos_with_generated_parameters(schema, path):
    def with_photo(case):
        case.body, case.query = {"photo": PHOTO}, {name: value for name, value in case.query.items() if name != "model"}

    assert set(attempts(schema, path, "POSITIVE", with_photo)) == {200}
