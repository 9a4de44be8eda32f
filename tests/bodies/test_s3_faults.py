"""What an S3 store does when the server is ill, lies, cannot all, or is gone; and that it never tells a secret."""

import logging
from dataclasses import replace
from functools import partial

import pytest
import trio

from storage_backends import errors
from storage_backends.bodies import api, s3, s3_client
from storage_backends.contract import bodies, sources
from tests.kit import s3 as s3_kit
from tests.kit import scripted_s3, shared_server
from tests.kit.scripted_s3 import Asked, Reply

SECRET = "wJalrXUtnFEMI/K7MDENG"
REF = "1/" + "ab" * 16


def store_at(endpoint: str, attempts: int = 1) -> s3.S3Store:
    return s3.S3Store(
        s3_client.S3Options(
            bucket="b",
            endpoint=endpoint,
            region="us-east-1",
            access_key="AKID",
            secret_key=SECRET,
            attempts=attempts,
            timeout=5,
        )
    )


def content(data: bytes, start: int = 0, total: int | None = None, cut: int | None = None) -> Reply:
    total = len(data) if total is None else total
    return Reply(206, data, {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}"}, cut)


async def test_call_that_fails_for_a_moment_is_sent_again() -> None:
    def script(_: Asked, number: int) -> Reply:
        return scripted_s3.failure(503, "SlowDown") if number == 1 else Reply()

    with scripted_s3.serving(script) as (endpoint, asked):
        async with bodies.closing(store_at(endpoint, attempts=2)) as store:
            await store.put(1, api.Bytes(b"hello"))
        assert [each.body for each in asked] == [b"hello", b"hello"]


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (403, "AccessDenied"), (404, "NoSuchBucket")])
async def test_failing_server_is_unavailable_and_its_words_are_not_repeated(status: int, code: str) -> None:
    with scripted_s3.serving(lambda asked, number: scripted_s3.failure(status, code)) as (endpoint, _):
        async with bodies.closing(store_at(endpoint)) as store:
            for call in (
                lambda: store.put(1, api.Bytes(b"x")),
                lambda: api.read(store, REF),
                lambda: store.delete([REF]),
            ):
                with pytest.raises(errors.Unavailable) as caught:
                    await call()
                assert code in str(caught.value)
                assert "secret words" not in str(caught.value)


async def test_server_that_is_gone_is_unavailable() -> None:
    (port,) = shared_server.free_ports(1)
    async with bodies.closing(store_at(f"http://127.0.0.1:{port}")) as store:
        with pytest.raises(errors.Unavailable, match="EndpointConnectionError"):
            await store.put(1, api.Bytes(b"x"))
        with pytest.raises(errors.Unavailable):
            await bodies.listed(store, 1)


async def test_reading_that_breaks_off_is_begun_again() -> None:
    def script(_: Asked, number: int) -> Reply:
        return content(b"hello", cut=2 if number < 3 else None)

    with scripted_s3.serving(script) as (endpoint, asked):
        async with bodies.closing(store_at(endpoint)) as store:
            assert await api.read(store, REF) == b"hello"
        assert len(asked) == 3


async def test_reading_that_always_breaks_off_is_unavailable() -> None:
    with scripted_s3.serving(lambda asked, number: content(b"hello", cut=2)) as (endpoint, _):
        async with bodies.closing(store_at(endpoint)) as store:
            with pytest.raises(errors.Unavailable):
                await api.read(store, REF)


@pytest.mark.parametrize(
    "reply",
    [
        content(b"hello", total=9),
        Reply(206, b"hello", {"Content-Range": "bytes 0-4/5", "x-amz-meta-size": "6"}),
        Reply(200, b"hello", {"x-amz-meta-size": "4"}),
    ],
)
async def test_object_of_another_size_is_corrupt(reply: Reply) -> None:
    with scripted_s3.serving(lambda asked, number: reply) as (endpoint, _):
        async with bodies.closing(store_at(endpoint)) as store:
            with pytest.raises(errors.Corrupt):
                await api.read(store, REF)


async def test_server_that_ignores_ranges_is_right_all_the_same() -> None:
    with scripted_s3.serving(lambda asked, number: Reply(200, b"hello")) as (endpoint, _):
        async with bodies.closing(store_at(endpoint)) as store:
            assert await api.read(store, REF, 1, 3) == b"el"


async def test_store_without_batches_deletes_one_by_one() -> None:
    def script(asked: Asked, _: int) -> Reply:
        return scripted_s3.failure(501, "NotImplemented") if asked.method == "POST" else Reply(204)

    refs = [f"1/{number:032x}" for number in range(5)]
    with scripted_s3.serving(script) as (endpoint, asked):
        async with bodies.closing(store_at(endpoint)) as store:
            await store.delete(refs)
            await store.delete(refs[:2])
        assert [each.method for each in asked] == ["POST"] + ["DELETE"] * 7


async def test_what_a_batch_left_is_deleted_alone() -> None:
    refs = [f"1/{number:032x}" for number in range(3)]
    left = f"<DeleteResult><Error><Key>{refs[1]}</Key><Code>InternalError</Code></Error></DeleteResult>"

    def script(asked: Asked, _: int) -> Reply:
        return Reply(200, left.encode()) if asked.method == "POST" else Reply(204)

    with scripted_s3.serving(script) as (endpoint, asked):
        async with bodies.closing(store_at(endpoint)) as store:
            await store.delete(refs)
        assert [(each.method, each.path) for each in asked[1:]] == [("DELETE", f"/b/{refs[1]}")]


async def test_thousand_bodies_are_deleted_in_one_request() -> None:
    refs = [f"1/{number:032x}" for number in range(1001)]
    with scripted_s3.serving(lambda asked, number: Reply(200, b"<DeleteResult/>")) as (endpoint, asked):
        async with bodies.closing(store_at(endpoint)) as store:
            await store.delete(refs)
        assert [each.body.count(b"<Key>") for each in asked] == [1000, 0]


LARGE = 9 * 1024 * 1024


def completed_unheard(answer: Reply, after: Reply) -> scripted_s3.Script:
    """A server that completes an upload without being heard, and knows nothing of it when it is asked again."""
    completions = iter([answer, scripted_s3.failure(404, "NoSuchUpload")])

    def script(asked: Asked, _: int) -> Reply:
        if asked.method == "HEAD":
            return after
        if asked.method == "PUT":
            return Reply(headers={"ETag": '"e"'})
        if asked.method == "DELETE":
            return scripted_s3.failure(404, "NoSuchUpload")
        if asked.path.endswith("?uploads"):
            return Reply(200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        return next(completions)

    return script


def headed(size: int, promised: int) -> Reply:
    return Reply(headers={"Content-Length": str(size), "x-amz-meta-size": str(promised)})


LOST = [
    Reply(200, b"<CompleteMultipartUploadResult/>", cut=10),
    Reply(200, b"<CompleteMultipartUploadResult/>", cut=0),
    scripted_s3.failure(500, "InternalError"),
]


@pytest.mark.parametrize("answer", LOST)
async def test_upload_that_was_completed_unheard_is_a_success(answer: Reply) -> None:
    with scripted_s3.serving(completed_unheard(answer, headed(LARGE, LARGE))) as (endpoint, asked):
        async with bodies.closing(store_at(endpoint, attempts=2)) as store:
            ref = await store.put(1, sources.Long(LARGE))
        assert (asked[-1].method, asked[-1].path) == ("HEAD", f"/b/{ref}")
        assert "DELETE" not in [each.method for each in asked]


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("after", [Reply(404), headed(LARGE - 1, LARGE), headed(LARGE - 1, LARGE - 1), Reply(503)])
async def test_upload_that_is_gone_without_its_object_is_unavailable(answer: Reply, after: Reply) -> None:
    with scripted_s3.serving(completed_unheard(answer, after)) as (endpoint, _):
        async with bodies.closing(store_at(endpoint, attempts=2)) as store:
            with pytest.raises(errors.Unavailable):
                await store.put(1, sources.Long(LARGE))


def own(server: s3_kit.S3Server, prefix: str) -> s3_client.S3Options:
    return s3_client.S3Options(
        bucket=server.bucket,
        endpoint=server.endpoint,
        region=server.region,
        prefix=prefix,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


async def test_failed_or_cancelled_upload_leaves_no_parts(s3_server: s3_kit.S3Server) -> None:
    options = own(s3_server, "failing/")
    async with bodies.closing(s3.S3Store(options)) as store:
        with pytest.raises(sources.SourceFailed):
            await store.put(1, sources.Failing(40_000_000))
        source = sources.Stalling(20_000_000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.put, 1, source)
            await bodies.stalled(source)
            nursery.cancel_scope.cancel()
            source.go_on.set()
        assert await bodies.listed(store) == {}
    answer = await trio.to_thread.run_sync(
        lambda: s3_server.client().list_multipart_uploads(Bucket=options.bucket, Prefix=options.prefix)
    )
    assert answer.get("Uploads", []) == []


async def test_upload_that_a_crash_left_goes_when_it_is_old(s3_server: s3_kit.S3Server) -> None:
    options = own(s3_server, "left/")
    client = s3_server.client()
    for key in ("left/1/" + "0" * 32, "other/1/" + "0" * 32):
        await trio.to_thread.run_sync(partial(client.create_multipart_upload, Bucket=options.bucket, Key=key))
    async with bodies.closing(s3.S3Store(options)) as store:
        assert await store.sweep(older=-60) == 1
        assert await store.sweep(older=-60) == 0


async def test_upload_of_today_stays_when_bodies_are_listed(swift: s3_kit.S3Server) -> None:
    options = own(swift, "today/")
    key = "today/1/" + "0" * 32
    await trio.to_thread.run_sync(partial(swift.client().create_multipart_upload, Bucket=options.bucket, Key=key))
    async with bodies.closing(s3.S3Store(options)) as store:
        assert await bodies.listed(store) == {}
        assert await store.sweep(older=-60) == 1


async def test_wrong_key_is_unavailable(s3_server: s3_kit.S3Server) -> None:
    async with bodies.closing(s3.S3Store(replace(own(s3_server, "wrong/"), secret_key="wrong"))) as store:
        with pytest.raises(errors.Unavailable, match="SignatureDoesNotMatch"):
            await store.put(1, api.Bytes(b"x"))


async def test_credentials_come_from_the_environment(moto: s3_kit.S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.secret_key)
    options = replace(own(moto, "environment/"), access_key=None, secret_key=None)
    async with bodies.closing(s3.S3Store(options)) as store:
        assert await api.read(store, await store.put(1, api.Bytes(b"x"))) == b"x"


async def test_prefixes_keep_stores_in_one_bucket_apart(s3_server: s3_kit.S3Server) -> None:
    async with (
        bodies.closing(s3.S3Store(own(s3_server, "apart/a/"))) as one,
        bodies.closing(s3.S3Store(own(s3_server, "apart/"))) as other,
    ):
        ref = await one.put(1, api.Bytes(b"one"))
        assert list(await bodies.listed(one)) == [ref]
        assert await bodies.listed(other) == {}
        assert not await bodies.exists(other, ref)


async def test_secret_key_is_in_no_log_line_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted_s3.serving(lambda asked, number: scripted_s3.failure(403, "SignatureDoesNotMatch")) as (endpoint, _):
        async with bodies.closing(store_at(endpoint)) as store:
            with pytest.raises(errors.Unavailable) as caught:
                await store.put(1, api.Bytes(b"x"))
            await store.sweep()
    assert caplog.records
    assert SECRET not in "".join(str(record.__dict__) for record in caplog.records) + repr(caught.value)
    assert SECRET not in repr(store.__dict__)
