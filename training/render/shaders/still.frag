// Bakes what does not change in a clip: light from all around, from the key light, places and normals.
uniform sampler2DShadow still_shadow;
uniform mat4 still_light;
uniform float still_spread;
uniform vec3 eye;
in vec3 world;
in vec3 facing;
in vec3 texture_at;
flat in int look;
layout(location = 0) out vec4 ambient;
layout(location = 1) out vec4 key;
layout(location = 2) out vec4 where;
layout(location = 3) out vec4 normal_out;
void main() {
    Finish f = finish_of(look);
    vec3 to_eye = normalize(eye - world);
    vec3 normal = normalize(facing);
    if (dot(normal, to_eye) < 0.0) normal = -normal;
    vec3 colour = albedo(f, texture_at);
    float lit = max(dot(normal, towards_key), 0.0);
    if (lit > 0.0) lit *= reached(still_shadow, still_light, world + 0.02 * normal, still_spread, 0.0008);
    ambient = vec4(colour * around(normal), 1.0);
    key = vec4(key_light * (colour * lit + sheen(normal, to_eye, f.gloss) * step(0.01, lit)), 1.0);
    where = vec4(world, gl_FragCoord.z);
    normal_out = vec4(normal, 1.0);
}
