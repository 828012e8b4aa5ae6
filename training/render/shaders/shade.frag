// The place where people's shadows may fall, developed anew with them.
uniform sampler2D ambient_map;
uniform sampler2D key_map;
uniform sampler2D where_map;
uniform sampler2D normal_map;
uniform sampler2DShadow live_shadow;
uniform mat4 live_light;
uniform float live_spread;
uniform vec4 near_parts[32];   // spheres (centre, radius) that keep light out of what is close
uniform int near_count;
layout(location = 0) out vec4 image;
layout(location = 1) out uint identity;

float open_to_light(vec3 at, vec3 normal) {
    float open = 1.0;
    for (int i = 0; i < near_count; i++) {
        vec3 to = near_parts[i].xyz - at;
        float d2 = dot(to, to), r2 = near_parts[i].w * near_parts[i].w;
        open *= 1.0 - clamp(dot(normal, to) * inversesqrt(d2), 0.0, 1.0) * min(r2 / d2, 0.85);
    }
    return open;
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 where = texelFetch(where_map, at, 0);
    vec3 normal = texelFetch(normal_map, at, 0).xyz;
    vec3 key = texelFetch(key_map, at, 0).rgb * reached(live_shadow, live_light, where.xyz, live_spread, 0.0008);
    vec3 ambient = texelFetch(ambient_map, at, 0).rgb;
    if (where.w > 0.0) ambient *= open_to_light(where.xyz, normal); else key = vec3(0.0);
    image = vec4(developed(ambient + key, gl_FragCoord.xy), 1.0);
    identity = 0u;
}
