// A person, already posed: points and normals in the world, patterns by their place at rest.
uniform mat4 clip_from_world;
in vec3 point;
in vec3 normal;
in vec3 rest;
in int material;
in int part;
out vec3 world;
out vec3 facing;
out vec3 texture_at;
flat out int look;
flat out int bone;
void main() {
    world = point; facing = normal; texture_at = rest; look = material; bone = part;
    gl_Position = clip_from_world * vec4(point, 1.0);
}
