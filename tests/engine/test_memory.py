import pytest
import torch

from engine.memory import SharedCall, is_out_of_memory

CPU = torch.device("cpu")
OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


class Doubling:
    """Doubles numbers, as long as the memory suffices."""

    def __init__(self, *, holds: int = 10**6, failing: dict[int, list[Exception]] | None = None) -> None:
        self.holds = holds
        self.failing = failing or {}
        self.calls: list[list[int]] = []

    def __call__(self, numbers):
        self.calls.append(list(numbers))
        if len(numbers) > self.holds:
            raise OUT_OF_MEMORY
        for number in numbers:
            if self.failing.get(number):
                raise self.failing[number].pop()
        return [2 * number for number in numbers]

    def shared(self, weigh=lambda _: 1):
        return SharedCall("double", self, weigh=weigh, device=CPU)


def test_all_share_one_call_where_the_memory_suffices():
    doubling = Doubling()
    assert list(doubling.shared()("size", [1, 2, 3])) == [(1, 2), (2, 4), (3, 6)]
    assert doubling.calls == [[1, 2, 3]]


def test_out_of_memory_halves_the_call_until_it_fits():
    doubling = Doubling(holds=2)
    assert dict(doubling.shared()("size", range(5))) == {number: 2 * number for number in range(5)}
    assert doubling.calls == [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4]]


def test_what_was_too_much_is_not_tried_again():
    doubling = Doubling(holds=2)
    call = doubling.shared()
    list(call("size", range(4)))
    doubling.calls.clear()
    list(call("size", range(5)))
    assert doubling.calls == [[0, 1], [2, 3], [4]]


def test_a_limit_is_of_one_size():
    doubling = Doubling(holds=2)
    call = doubling.shared()
    list(call("large", range(4)))
    doubling.holds = 10
    doubling.calls.clear()
    list(call("small", range(4)))
    assert doubling.calls == [[0, 1, 2, 3]]


def test_the_limit_counts_rows():
    doubling = Doubling(holds=2)
    call = doubling.shared(weigh=lambda number: 2 if number else 1)
    list(call("size", [1, 2, 3, 4]))
    doubling.holds = 10
    doubling.calls.clear()
    list(call("size", [0, 0, 0, 1, 1]))
    assert doubling.calls == [[0, 0, 0], [1, 1]]


def test_one_alone_is_tried_once_more():
    doubling = Doubling(failing={7: [OUT_OF_MEMORY]})
    assert list(doubling.shared()("size", [7])) == [(7, 14)]


def test_one_that_does_not_fit_even_alone_fails_alone():
    doubling = Doubling(failing={7: [OUT_OF_MEMORY] * 9})
    assert dict(doubling.shared()("size", [6, 7, 8])) == {6: 12, 7: OUT_OF_MEMORY, 8: 16}


def test_another_error_is_found_by_trying_everyone_alone():
    error = ValueError("seven")
    doubling = Doubling(failing={7: [error] * 9})
    assert dict(doubling.shared()("size", [6, 7, 8])) == {6: 12, 7: error, 8: 16}
    assert doubling.calls == [[6, 7, 8], [6], [7], [8]]


def test_another_error_of_one_alone_is_not_tried_again():
    doubling = Doubling(failing={7: [ValueError("seven")]})
    [(_, failure)] = doubling.shared()("size", [7])
    assert isinstance(failure, ValueError)


def test_a_failed_call_leaves_no_tensors_behind_for_the_next_try():
    def fail(_):
        raise OUT_OF_MEMORY

    [(_, failure)] = SharedCall("fail", fail, weigh=lambda _: 1, device=CPU)("size", [1])
    assert failure.__traceback__ is None


def test_the_cpu_allocators_own_error_is_out_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OUT_OF_MEMORY, True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=lambda value: str(value)[:30],
)
def test_only_want_of_memory_is_out_of_memory(error, expected):
    assert is_out_of_memory(error) is expected
