"""E_v → E_r of CoT-VTM: what a picture's embedding says of the reasoning from it to music."""
