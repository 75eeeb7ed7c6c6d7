# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The account to start with when none is given, in the format of an account file."""

from __future__ import annotations

from typing import Any

GIB = 1024**3

DEFAULT_ACCOUNT: dict[str, Any] = {
    "instances": [
        {"id": 30101, "label": "train-01", "gpu_name": "H100 SXM", "num_gpus": 8, "disk_space": 500.0},
        {"id": 30102, "label": "dev-alice", "gpu_name": "RTX 4090"},
        {"id": 30103, "label": "serve-a", "gpu_name": "L40S", "image_uuid": "vllm/vllm-openai:v0.10.0"},
        {
            "id": 30104,
            "label": "dev-bob",
            "state": "stopped",
            "disk_space": 120.0,
            "files": {
                "/workspace/checkpoints/step-1000.safetensors": 3 * GIB,
                "/workspace/checkpoints/step-2000.safetensors": 3 * GIB,
                "/workspace/train.py": 18231,
                "/workspace/logs/train.log": 40213877,
                "/root/.cache/huggingface/model.bin": 5 * GIB,
            },
        },
        {"id": 30105, "label": "dev-taken", "state": "stopped", "behaviour": {"gpu_available": False}},
        {"id": 30106, "label": None, "gpu_name": "RTX 3090"},
        {"id": 30107, "label": "twin", "gpu_name": "RTX 5090"},
        {"id": 30108, "label": "twin", "gpu_name": "RTX 5090", "state": "stopped"},
    ],
    "machines": [
        {"id": 7101, "gpu_name": "RTX 4090", "num_gpus": 4, "geolocation": "Norway, NO"},
        {"id": 7102, "gpu_name": "H100 SXM", "num_gpus": 8, "geolocation": "Oregon, US", "datacenter": True},
        {"id": 7103, "gpu_name": "RTX 3090", "num_gpus": 2, "verification": "unverified"},
    ],
    "endpoints": [
        {
            "id": 4001,
            "endpoint_name": "llama-prod",
            "workergroups": [{"id": 5001, "workers": [{"id": 30201}, {"id": 30202}]}],
        },
        {
            "id": 4002,
            "endpoint_name": "sdxl-leaky",
            "workergroups": [
                {"id": 5002, "workers": [{"id": 30203}, {"id": 30204, "behaviour": {"delete_fails": True}}]}
            ],
        },
    ],
}
