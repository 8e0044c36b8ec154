"""Runs a loss of the user's for hone: FILE NAME FD. The frames are described in python_loss.h."""
import importlib.util
import os
import socket
import struct
import sys
import traceback


def read(stream, size):
    data = stream.read(size)
    if len(data) < size:
        sys.exit(0)  # hone has ended
    return data


def refuse(stream, message):
    text = message.encode("utf-8", "replace")
    stream.write(struct.pack("=iq", 1, len(text)) + text)
    stream.flush()


def load(path, name):
    """What `name` is in the file: a class is made an object without arguments."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("hone_users_loss", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        names = sorted(other for other, value in vars(module).items()
                       if callable(value) and getattr(value, "__module__", "") == "hone_users_loss")
        raise AttributeError(f"there is no {name} in it; it has {', '.join(names) or 'no class or function'}")
    loss = getattr(module, name)
    if isinstance(loss, type):
        loss = loss()
    parameters = getattr(loss, "parameters", None)
    if callable(parameters) and next(iter(parameters()), None) is not None:
        raise TypeError(f"{name} has parameters of its own, which hone would not train")
    return loss


def receive(stream):
    """The inputs as tensors, and those whose slopes are wanted."""
    import torch

    slopes, count = struct.unpack("=ii", read(stream, 8))
    inputs, wanted = [], []
    for _ in range(count):
        dimensions, wants = struct.unpack("=ii", read(stream, 8))
        shape = struct.unpack(f"={dimensions}q", read(stream, 8 * dimensions))
        size = 1
        for length in shape:
            size *= length
        tensor = torch.frombuffer(bytearray(read(stream, 4 * size)), dtype=torch.float32).reshape(shape)
        if wants and slopes:
            tensor.requires_grad_(True)
            wanted.append(tensor)
        inputs.append(tensor)
    return inputs, wanted


def answer(loss, inputs, wanted):
    import torch

    value = loss(*inputs)
    if not torch.is_tensor(value) or value.numel() != 1:
        what = f"a tensor of shape {list(value.shape)}" if torch.is_tensor(value) else type(value).__name__
        raise TypeError(f"a loss is one number, a tensor of torch, and this one is {what}")
    frame = struct.pack("=id", 0, value.item())
    if not wanted:
        return frame
    if not value.requires_grad:
        raise ValueError("the loss does not depend on what it is given: look for detach(), .item() or no_grad in it")
    for tensor, slope in zip(wanted, torch.autograd.grad(value, wanted, allow_unused=True)):
        slope = torch.zeros_like(tensor) if slope is None else slope.to(torch.float32).contiguous()
        frame += slope.numpy().tobytes()
    return frame


def main():
    path, name, descriptor = sys.argv[1:]
    stream = socket.socket(fileno=int(descriptor)).makefile("rwb")
    try:
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise ImportError(f"{sys.executable} has no torch: install it there, or activate the environment "
                              f"that has it ({error})") from None
        loss = load(path, name)
    except BaseException as error:  # also of what a file does when it is read
        traceback.print_exc()
        refuse(stream, f"{type(error).__name__}: {error}")
        return
    stream.write(struct.pack("=id", 0, 0.0))
    stream.flush()
    while True:
        inputs, wanted = receive(stream)
        try:
            frame = answer(loss, inputs, wanted)
        except Exception as error:
            traceback.print_exc()
            refuse(stream, f"{type(error).__name__}: {error}")
            continue
        stream.write(frame)
        stream.flush()


main()
