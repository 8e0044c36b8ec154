"""What `hone estimate` says of three runs before they start, beside what they then take."""

import json

# By name: the flags of a run of some twenty seconds. The steps are large enough for their time to be the run's.
CONFIGURATIONS = {
    "lora": ("--lora_r", 16, "--target_modules", "all-linear", "--per_device_train_batch_size", 4, "--max_steps", 4),
    "full": ("--method", "full", "--per_device_train_batch_size", 2, "--max_steps", 4),
    "long": ("--lora_r", 64, "--gradient_checkpointing", "--max_seq_len", 4096, "--per_device_train_batch_size", 1,
             "--max_steps", 4),
}


def estimate(bench, name):
    """{"memory": ..., "time": ...}: what was estimated over what was taken."""
    def measure():
        out = bench.folder / f"estimate-{name}"
        flags = ("--model_name_or_path", bench.flags.model, "--data_name", bench.flags.chats, "--eval_split", "none",
                 "--packing", "--output_path", out, *CONFIGURATIONS[name])
        before = json.loads(bench.run(bench.flags.hone, "estimate", *flags, "--json"))
        bench.run(bench.flags.hone, "finetune", *flags)
        run = json.loads((out / "run.json").read_text())
        return {"estimated_bytes": before["memory_bytes"], "taken_bytes": run["peak_memory_bytes"],
                "estimated_seconds": before["seconds"], "taken_seconds": run["wall_seconds"],
                "memory": before["memory_bytes"] / run["peak_memory_bytes"],
                "time": before["seconds"] / run["wall_seconds"]}
    return bench.measure(f"estimate_{name}", measure)
