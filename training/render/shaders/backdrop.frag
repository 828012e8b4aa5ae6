// The place as it is without people, with its depth.
uniform sampler2D plain_map;
uniform sampler2D where_map;
layout(location = 0) out vec4 image;
layout(location = 1) out uint identity;
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    float depth = texelFetch(where_map, at, 0).w;
    image = texelFetch(plain_map, at, 0);
    identity = 0u;
    gl_FragDepth = depth > 0.0 ? depth : 1.0;
}
