// Only depth, as seen from the key light.
uniform mat4 clip_from_world;
in vec3 point;
void main() { gl_Position = clip_from_world * vec4(point, 1.0); }
