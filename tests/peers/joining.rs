//! How a newcomer becomes a node.

use hallporter::domain::NodeId;
use hallporter::peers::{
    Authority, Credentials, Denied, Issued, JoinError, Lane, NODE_GOOD_S, Newcomer, RENEW_BEFORE_S,
    Refusal, Roll, Settings, Side, TOKEN_GOOD_S, Token, join,
};
use rcgen::string::Ia5String;

use crate::stranger::{call, papers, thrown_out};
use crate::world::{NOW_S, Node, World, node, socket, soon};

/// A node that decides who comes in: in the cluster the ledger does.
async fn decide(one: &mut Node, roll: &mut Roll, world: &World) {
    let asked = one.asked().await;
    let now_s = world.now_s();
    let admitted = roll.admit(asked.known.as_ref(), &asked.request, &asked.key, now_s);
    let answer =
        admitted.map(|identity| world.authority.issue(&identity, &asked.key, now_s).unwrap());
    asked.answer(answer);
}

/// The same file again, as another machine would read it.
fn copied(token: &Token) -> Token {
    Token::parse(&format!("{}\n", token.text())).unwrap()
}

async fn asks(
    one: &mut Node,
    roll: &mut Roll,
    world: &World,
    token: &Token,
    name: &str,
) -> Result<Credentials, JoinError> {
    let newcomer = Newcomer::new().unwrap();
    let asking = join(socket(), one.address, token, (name, "us"), newcomer, world.clock());
    let (joined, ()) = tokio::join!(soon(asking), decide(one, roll, world));
    joined
}

#[tokio::test]
async fn a_newcomer_comes_in_with_a_token_once() {
    let world = World::new();
    let mut one = world.start(1);
    let mut roll = Roll::new(&node(1));
    let fingerprint = world.authority.fingerprint();
    let token = roll.invite(fingerprint, [3; 32], NOW_S + TOKEN_GOOD_S, NOW_S).unwrap();
    assert!(roll.is_open(NOW_S));
    one.endpoint.open(true);

    let port = socket();
    let again = port.try_clone().unwrap();
    let newcomer = Newcomer::new().unwrap();
    let told = copied(&token);
    let asking = join(port, one.address, &told, ("fra1", "eu"), newcomer, world.clock());
    let (joined, ()) = tokio::join!(soon(asking), decide(&mut one, &mut roll, &world));
    let credentials = joined.unwrap();
    assert_eq!(credentials.identity().to_string(), "node 2 (fra1, eu) of voice");
    // It listens where it has asked from, and is a node like any other.
    let mut two = world.start_with(again, credentials, 1, Settings::default());
    two.endpoint.reach(one.address, None);
    assert_eq!(one.up().await.identity.name, "fra1");
    two.up().await;
    two.endpoint.send(NodeId(1), Lane::Rows, b"here").unwrap();
    assert_eq!(&one.frame().await.2[..], b"here");

    let denied = asks(&mut one, &mut roll, &world, &token, "fra2").await.unwrap_err();
    assert!(matches!(denied, JoinError::Denied(Denied::Used)), "{denied}");
    let further = roll.invite(fingerprint, [4; 32], NOW_S + 60, NOW_S).unwrap();
    let denied = asks(&mut one, &mut roll, &world, &further, "fra1").await.unwrap_err();
    assert!(matches!(denied, JoinError::Denied(Denied::NameTaken(_))), "{denied}");
    let denied = asks(&mut one, &mut roll, &world, &further, "a b").await.unwrap_err();
    assert!(matches!(denied, JoinError::Denied(Denied::Name(_))), "{denied}");
    world.advance(60);
    let denied = asks(&mut one, &mut roll, &world, &further, "fra2").await.unwrap_err();
    assert!(matches!(denied, JoinError::Denied(Denied::Expired)), "{denied}");
}

#[tokio::test]
async fn nobody_is_heard_while_no_token_is_open_and_no_impostor_hears_one() {
    let world = World::new();
    let mut one = world.start(1);
    let mut roll = Roll::new(&node(1));
    let token = roll.invite(world.authority.fingerprint(), [3; 32], NOW_S + 9, NOW_S).unwrap();
    let try_at = |address, token: Token, clock| async move {
        join(socket(), address, &token, ("a", "b"), Newcomer::new().unwrap(), clock).await
    };
    let shut = soon(try_at(one.address, copied(&token), world.clock())).await.unwrap_err();
    assert!(matches!(shut, JoinError::Refused(_, Refusal::Closed)), "{shut}");
    one.refused(Side::Here, Refusal::Closed).await;
    // Somebody else listens there: he does not get to see the token.
    let other = World::new();
    let mut impostor = other.start(1);
    impostor.endpoint.open(true);
    let wrong = soon(try_at(impostor.address, token, world.clock())).await.unwrap_err();
    assert!(matches!(wrong, JoinError::NotBelieved(_, Refusal::OtherAuthority)), "{wrong}");
    impostor.refused(Side::There, Refusal::OtherAuthority).await;
}

#[tokio::test]
async fn a_newcomer_is_heard_on_nothing_else() {
    let world = World::new();
    let mut one = world.start(1);
    one.endpoint.open(true);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    let uri = Ia5String::try_from("hallporter-newcomer:").unwrap();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri)];
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let newcomer = || {
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        (vec![certificate.clone()], rustls::pki_types::PrivateKeyDer::Pkcs8(key))
    };
    let (_endpoint, called) = soon(call(one.address, Some(newcomer()), "hallporter/1")).await;
    soon(thrown_out(called)).await;
    one.refused(Side::Here, Refusal::BadCertificate).await;
    // And one who asks nonsense.
    let (_endpoint, called) = soon(call(one.address, Some(newcomer()), "hallporter-join/1")).await;
    let called = called.unwrap();
    let (mut send, _receive) = soon(called.open_bi()).await.unwrap();
    soon(send.write_all(b"GET / HTTP/1.1\r\n\r\n")).await.unwrap();
    soon(called.closed()).await;
    one.refused(Side::Here, Refusal::Version).await;
    one.still_works(&world).await;
}

#[tokio::test]
async fn a_node_gets_its_next_certificate_and_another_authority() {
    let world = World::new();
    let (mut one, two) = world.pair().await;
    let mut roll = Roll::new(&node(1));
    // Nobody's list has it: a node that was removed gets nothing.
    let (asked, ()) =
        tokio::join!(soon(two.endpoint.renew(one.address)), decide(&mut one, &mut roll, &world));
    assert!(matches!(asked, Err(JoinError::Denied(Denied::NoMember))));
    let token = roll.invite(world.authority.fingerprint(), [1; 32], NOW_S + 9, NOW_S).unwrap();
    let key = Newcomer::new().unwrap().public_key().unwrap();
    assert!(!roll.has_removed(NodeId(2)), "it may have come, and nobody has said so yet");
    roll.admit(None, &token.request("n2", "eu"), &key, NOW_S).unwrap();

    world.advance(NODE_GOOD_S - RENEW_BEFORE_S + 1);
    let (asked, ()) =
        tokio::join!(soon(two.endpoint.renew(one.address)), decide(&mut one, &mut roll, &world));
    let renewed = asked.unwrap();
    assert!(!renewed.renewal_due(world.now_s()));
    assert!(renewed.renewal_due(world.now_s() + NODE_GOOD_S - RENEW_BEFORE_S + 1));
    two.endpoint.set_credentials(renewed).unwrap();
    assert!(!roll.has_removed(NodeId(2)) && !roll.has_removed(NodeId(3)));
    roll.remove(NodeId(2));
    assert!(roll.has_removed(NodeId(2)) && !roll.has_removed(NodeId(3)));
}

#[tokio::test]
async fn an_authority_follows_another_without_a_stop() {
    let world = World::new();
    let (mut one, mut two) = world.pair().await;
    let next = Authority::new("voice", NOW_S).unwrap();
    let issued = |authority: &Authority, others: &[&Authority], number| -> Credentials {
        let probe = Newcomer::new().unwrap();
        let key = probe.public_key().unwrap();
        let issue = |authority: &Authority| authority.issue(&node(number), &key, NOW_S).unwrap();
        let own = issue(authority);
        let authorities = others.iter().flat_map(|other| issue(other).authorities).collect();
        probe.settle(&Issued { authorities, ..own }, NOW_S).unwrap()
    };
    let (old, both) = (&world.authority, [&world.authority, &next]);
    // First both authorities are believed, then certificates change, then the old one goes.
    for (authority, believed) in [(old, &both[..]), (&next, &both[..]), (&next, &both[1..])] {
        for number in [1, 2] {
            let node = if number == 1 { &one } else { &two };
            node.endpoint.set_credentials(issued(authority, believed, number)).unwrap();
            let peer = NodeId(3 - number);
            node.endpoint.hang_up(peer);
            assert_eq!(one.down().await, NodeId(2));
            assert_eq!(two.down().await, NodeId(1));
            one.up().await;
            two.up().await;
        }
    }
    let late = papers(&world.credentials(&node(7)).to_pem());
    let (_endpoint, called) = soon(call(one.address, Some(late), "hallporter/1")).await;
    soon(thrown_out(called)).await;
    one.refused(Side::Here, Refusal::OtherAuthority).await;
}
