"""From implicit shapes to voxels: shapes and parts, their signed distances, the compiled renderer, texture of fat."""
