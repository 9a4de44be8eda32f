"""LIST with options: selection, return, several patterns, CHILDINFO, STATUS, METADATA (RFC 5258, 5819, 6154, 9590)."""

import pytest

from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too


async def fruit(client: Client) -> None:
    """The hierarchy of RFC 5258 5, example 1, with what is subscribed in example 2."""
    for name in ("Archive", "Drafts", "Junk", "Sent", "Trash"):
        await client.ok(f"DELETE {name}")
        await client.ok(f"UNSUBSCRIBE {name}")
    for name in ("Fruit/Apple", "Fruit/Banana", "Tofu", "Vegetable/Broccoli", "Vegetable/Corn"):
        await client.ok(f"CREATE {name}")
    for name in ("Fruit", "Fruit/Apple", "Tofu", "Vegetable/Corn"):
        await client.ok(f"UNSUBSCRIBE {name}")
    await client.ok("SUBSCRIBE Fruit/Peach")


async def listed(client: Client, line: str) -> list[str]:
    """Attributes, name and the rest of each response."""
    return [each.removeprefix(b"* LIST ").decode() for each in (await client.ok(line)).lines]


@pytest.fixture
async def client(world: World):  # type: ignore[no-untyped-def]
    async with world.user() as user:
        await fruit(user)
        yield user


async def test_what_is_subscribed_whether_it_is_there_or_not(client: Client) -> None:
    assert await listed(client, 'LIST (SUBSCRIBED) "" "*"') == [
        '(\\HasNoChildren \\Subscribed) "/" "Fruit/Banana"',
        '(\\NonExistent \\HasNoChildren \\Subscribed) "/" "Fruit/Peach"',
        '(\\HasNoChildren \\Subscribed) "/" "Inbox"',
        '(\\HasChildren \\Subscribed) "/" "Vegetable"',
        '(\\HasNoChildren \\Subscribed) "/" "Vegetable/Broccoli"',
    ]


async def test_children(client: Client) -> None:
    assert await listed(client, 'LIST () "" "%" RETURN (CHILDREN)') == [
        '(\\HasChildren) "/" "Fruit"',
        '(\\HasNoChildren) "/" "Inbox"',
        '(\\HasNoChildren) "/" "Tofu"',
        '(\\HasChildren) "/" "Vegetable"',
    ]


async def test_remote_mailboxes_there_are_none(client: Client) -> None:
    assert await listed(client, 'LIST (REMOTE) "" "%" RETURN (CHILDREN)') == await listed(client, 'LIST "" %')
    assert await listed(client, 'LIST (REMOTE SUBSCRIBED) "" *') == await listed(client, 'LIST (SUBSCRIBED) "" *')


async def test_subscription_is_returned_of_mailboxes_that_are_there(client: Client) -> None:
    assert await listed(client, 'LIST "" "Fruit*" RETURN (SUBSCRIBED)') == [
        '(\\HasChildren) "/" "Fruit"',
        '(\\HasNoChildren) "/" "Fruit/Apple"',
        '(\\HasNoChildren \\Subscribed) "/" "Fruit/Banana"',
    ]


async def test_several_patterns_tell_each_name_once(client: Client) -> None:
    assert await listed(client, 'LIST "" ("INBOX" "T*" "Fruit/%" "Fruit/A*")') == [
        '(\\HasNoChildren) "/" "Fruit/Apple"',
        '(\\HasNoChildren) "/" "Fruit/Banana"',
        '(\\HasNoChildren) "/" "Inbox"',
        '(\\HasNoChildren) "/" "Tofu"',
    ]


async def test_a_level_with_something_selected_below_it_is_told(client: Client) -> None:
    assert await listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"') == [
        '(\\HasChildren) "/" "Fruit" ("CHILDINFO" ("SUBSCRIBED"))',
        '(\\HasNoChildren \\Subscribed) "/" "Inbox"',
        '(\\HasChildren \\Subscribed) "/" "Vegetable" ("CHILDINFO" ("SUBSCRIBED"))',
    ]
    await client.ok("UNSUBSCRIBE Vegetable/Broccoli")
    assert (await listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "V%"')) == [
        '(\\HasChildren \\Subscribed) "/" "Vegetable"'
    ]


async def test_a_level_that_is_no_mailbox_is_told_so(client: Client) -> None:
    await client.ok("SUBSCRIBE Wine/Red/Dry")
    assert await listed(client, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "W%"') == [
        '(\\NonExistent \\HasNoChildren) "/" "Wine" ("CHILDINFO" ("SUBSCRIBED"))'
    ]
    assert await listed(client, 'LIST (SUBSCRIBED) "" "W%"') == []


async def test_a_level_whose_children_are_all_told_is_not(client: Client) -> None:
    """RFC 5258 5, example 9: foo2, baz2, eps2 and qux2."""
    for name in ("foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2/mamba"):
        await client.ok(f"CREATE {name}")
    await client.ok("UNSUBSCRIBE foo2")
    await client.ok("UNSUBSCRIBE baz2")
    await client.ok("SUBSCRIBE qux2/bar2")
    assert await listed(client, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*2"') == [
        '(\\HasNoChildren \\Subscribed) "/" "baz2/bar2"',
        '(\\HasNoChildren \\Subscribed) "/" "baz2/bar22"',
        '(\\HasNoChildren \\Subscribed) "/" "baz2/bar222"',
        '(\\HasChildren \\Subscribed) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))',
        '(\\HasChildren) "/" "foo2" ("CHILDINFO" ("SUBSCRIBED"))',
        '(\\HasNoChildren \\Subscribed) "/" "foo2/bar2"',
        '(\\NonExistent \\HasNoChildren \\Subscribed) "/" "qux2/bar2"',
    ]


async def test_child_information_does_not_mean_that_there_are_children(client: Client) -> None:
    """RFC 5258 5, example 10."""
    await client.ok("SUBSCRIBE Tofu/silken")
    assert await listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" Tofu RETURN (CHILDREN)') == [
        '(\\HasNoChildren) "/" "Tofu" ("CHILDINFO" ("SUBSCRIBED"))'
    ]


async def test_special_use_is_selected_and_returned(client: Client) -> None:
    await client.ok("CREATE Mail/Sent (USE (\\Sent))")
    assert await listed(client, 'LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)') == [
        '(\\HasNoChildren \\Sent) "/" "Mail/Sent"'
    ]
    assert await listed(client, 'LIST (SPECIAL-USE RECURSIVEMATCH) "" "%"') == [
        '(\\HasChildren) "/" "Mail" ("CHILDINFO" ("SPECIAL-USE"))'
    ]
    await client.ok("UNSUBSCRIBE Mail/Sent")
    assert await listed(client, 'LIST (SPECIAL-USE SUBSCRIBED) "" "*"') == []


async def test_status_stands_behind_each_mailbox(world: World, client: Client) -> None:
    await world.deliver(mailbox="Tofu")
    answer = await client.ok('LIST (SUBSCRIBED) "" ("Fruit/*" Tofu) RETURN (STATUS (MESSAGES UNSEEN))')
    assert [line.decode() for line in answer.lines] == [
        '* LIST (\\HasNoChildren \\Subscribed) "/" "Fruit/Banana"',
        '* STATUS "Fruit/Banana" (MESSAGES 0 UNSEEN 0)',
        '* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" "Fruit/Peach"',
    ]
    answer = await client.ok('LIST "" T% RETURN (STATUS (MESSAGES SIZE MAILBOXID) CHILDREN)')
    assert answer.lines[1].startswith(b'* STATUS "Tofu" (MESSAGES 1 SIZE ')


async def test_annotations_stand_behind_each_mailbox(client: Client) -> None:
    await client.ok('SETMETADATA Tofu (/shared/comment "soft" /private/vendor/x/y "12345678")')
    answer = await client.ok(
        'LIST "" (Tofu Inbox) RETURN (METADATA (MAXSIZE 5 DEPTH infinity) (/shared/comment /private))'
    )
    assert answer.lines == [
        b'* LIST (\\HasNoChildren) "/" "Inbox"',
        b'* METADATA "Inbox" (/shared/comment NIL /private NIL)',
        b'* LIST (\\HasNoChildren) "/" "Tofu"',
        b'* METADATA "Tofu" (/shared/comment "soft")',
    ]
    assert answer.code == "METADATA LONGENTRIES 8"
    answer = await client.ok('LIST (SUBSCRIBED) "" Fruit/P* RETURN (METADATA (/shared/comment))')
    assert len(answer.lines) == 1


@pytest.mark.parametrize(
    "line",
    [
        'LIST (RECURSIVEMATCH) "" *',
        'LIST (REMOTE RECURSIVEMATCH) "" *',
        'LIST (BOGUS) "" *',
        'LIST "" * RETURN (BOGUS)',
        'LIST "" * RETURN (STATUS ())',
        'LIST "" * RETURN (STATUS (BOGUS))',
        'LIST "" * RETURN (METADATA)',
        'LIST "" * RETURN (METADATA (MAXSIZE -1) (/a))',
        'LIST "" * RETURN (METADATA (comment))',
        'LIST "" * RETURN CHILDREN',
        'LIST "" ()',
        'LIST (SUBSCRIBED "" *',
    ],
)
async def test_other_options_are_bad(world: World, line: str) -> None:
    async with world.user() as user:
        assert (await user.do(line)).kind == "BAD"
