"""Stands in for torch where it is not installed: what hone's side of a loss asks of it, and no autograd. A loss that is
written for it gives its slopes itself, as Loss(value, [(tensor, slopes), ...])."""
import array

float32 = "float32"


class Tensor:
    def __init__(self, values, shape):
        self.values, self.shape, self.requires_grad = array.array("f", values), tuple(shape), False

    def reshape(self, shape):
        return Tensor(self.values, shape)

    def requires_grad_(self, on):
        self.requires_grad = on

    def numel(self):
        return len(self.values)

    def item(self):
        return self.values[0]

    def to(self, _):
        return self

    def contiguous(self):
        return self

    def numpy(self):
        return self.values


class Loss(Tensor):
    def __init__(self, value, slopes):
        super().__init__([value], [])
        self.slopes, self.requires_grad = slopes, True


def frombuffer(data, dtype):
    assert dtype is float32
    return Tensor(memoryview(data).cast("f"), [len(data) // 4])


def is_tensor(value):
    return isinstance(value, Tensor)


def zeros_like(tensor):
    return Tensor([0] * tensor.numel(), tensor.shape)


class autograd:
    @staticmethod
    def grad(value, wanted, allow_unused):
        assert allow_unused
        slopes = {id(tensor): given for tensor, given in value.slopes}
        return [Tensor(slopes[id(tensor)], tensor.shape) if id(tensor) in slopes else None for tensor in wanted]
