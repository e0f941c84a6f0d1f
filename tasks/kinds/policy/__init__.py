"""Cases whose model learns to write what earns rewards: PPO, and TRL's RLOO and GRPO."""
