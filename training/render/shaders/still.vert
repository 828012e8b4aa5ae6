// A surface that stands still.
uniform mat4 clip_from_world;
in vec3 point;
in vec3 normal;
in vec3 place;
in int finish;
out vec3 world;
out vec3 facing;
out vec3 texture_at;
flat out int look;
void main() {
    world = point; facing = normal; texture_at = place; look = finish;
    gl_Position = clip_from_world * vec4(point, 1.0);
}
